// swift-tools-version: 6.2
import PackageDescription

// The layers, bottom up. A target may import only what is listed for it; docs/architecture.md explains each.

/// A system C library, found through pkg-config and wrapped by exactly one Swift target.
func system(_ name: String, pkgConfig: String, apt: String) -> Target {
  .systemLibrary(name: name, path: "Sources/C/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let serviceLifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")

let package = Package(
  name: "setpoint",
  products: [.executable(name: "setpoint", targets: ["setpoint"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.3.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    // C libraries and their wrappers
    system("CYAML", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),
    system("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
    system("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev"),
    .systemLibrary(name: "CSpawn", path: "Sources/C/CSpawn"),  // part of glibc: nothing to install
    .systemLibrary(name: "CMalloc", path: "Sources/C/CMalloc"),  // part of glibc too
    .systemLibrary(name: "CFileSystem", path: "Sources/C/CFileSystem"),  // and this
    .target(name: "LibYAML", dependencies: ["CYAML"]),
    .target(name: "LibCurl", dependencies: ["CCurl", "Durations"]),
    .target(name: "LibCrypto", dependencies: ["CCrypto"]),
    .target(name: "CanonicalJSON"),
    .target(name: "Durations"),
    .target(name: "FileSystem"),
    .target(name: "EventFlags"),

    // Pure: values in, values out
    .target(name: "Endpoints", dependencies: ["LibYAML", "LibCrypto", "CanonicalJSON", "Durations"]),
    .target(name: "Planning", dependencies: ["Endpoints", "LibCrypto", "CanonicalJSON", "Durations"]),
    .target(name: "Scheduling"),
    .target(name: "PrometheusMetrics", dependencies: [coreMetrics]),
    .target(name: "Charts"),
    .target(name: "Diagnosis", dependencies: ["Durations"]),

    // Wire and storage
    .target(
      name: "ServingAPI",
      dependencies: ["LibCurl", "Endpoints", "CanonicalJSON", "Durations", "FileSystem", "EventFlags"]),
    .target(name: "ModelRegistry", dependencies: ["ServingAPI", "Endpoints", "LibCurl", "Durations"]),
    .target(name: "Storage", dependencies: ["FileSystem", grdb]),
    .target(
      name: "History",
      dependencies: ["Storage", "FileSystem", "Planning", "Endpoints", "LibCrypto", "CanonicalJSON", grdb]),
    .target(
      name: "Telemetry",
      dependencies: [
        "Storage", "FileSystem", "EventFlags", "LibCurl", "LibCrypto", "CanonicalJSON", "Durations", grdb, grdbSQLite,
        logging,
      ]),
    .target(
      name: "HTTPSupport",
      dependencies: [
        "LibCrypto", "CanonicalJSON", "Durations", "FileSystem", hummingbird, hummingbirdCore, nioCore, nioPosix,
        nioHTTP1, nioSSL, httpTypes, logging,
      ]),
    .target(
      name: "Gateway",
      dependencies: [
        "HTTPSupport", "Scheduling", "CanonicalJSON", "Durations", hummingbird, hummingbirdCore, nioCore, nioPosix,
        nioHTTP1,
        httpTypes,
      ]),

    // The two long-lived halves; they meet only in the wire protocol
    .target(
      name: "Controller",
      dependencies: [
        "Planning", "Scheduling", "Endpoints", "LibYAML", "LibCurl", "LibCrypto", "CanonicalJSON", "Durations",
        "ServingAPI", "ModelRegistry", "History", "Storage", "HTTPSupport", "PrometheusMetrics", "FileSystem",
        "CFileSystem", hummingbird, hummingbirdCore, nioCore, httpTypes, serviceLifecycle, logging,
        .product(name: "Subprocess", package: "swift-subprocess"),
      ]),
    .target(
      name: "ServingPlane",
      dependencies: [
        "Gateway", "HTTPSupport", "Telemetry", "PrometheusMetrics", "ServingAPI", "ModelRegistry", "Storage",
        "FileSystem", "EventFlags", "Scheduling", "Endpoints", "LibYAML", "LibCurl", "LibCrypto", "CanonicalJSON",
        "Durations", "CSpawn", hummingbird, grdb, nioCore, nioPosix, httpTypes, serviceLifecycle, logging, coreMetrics,
        .product(name: "Subprocess", package: "swift-subprocess"),
      ]),

    // The command line
    .target(
      name: "Commands",
      dependencies: [
        "Controller", "ServingPlane", "HTTPSupport", "PrometheusMetrics", "ServingAPI", "ModelRegistry", "History",
        "Storage", "Planning", "Endpoints", "LibYAML", "LibCurl", "LibCrypto", "CanonicalJSON", "Durations",
        "FileSystem", "CSpawn", "CMalloc", "Scheduling", "Telemetry", "Charts", "Diagnosis", serviceLifecycle, logging,
        coreMetrics,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ]),
    .executableTarget(name: "setpoint", dependencies: ["Commands"]),

    // Tests
    .target(
      name: "TestKit", dependencies: ["Endpoints", "ServingAPI", "LibCurl", "CanonicalJSON"], path: "Tests/TestKit"),
    .target(
      name: "ControllerKit",
      dependencies: [
        "Controller", "History", "ModelRegistry", "ServingAPI", "Planning", "Scheduling", "Endpoints", "TestKit",
        logging,
      ], path: "Tests/ControllerKit"),
    .executableTarget(
      name: "workspace-double",
      dependencies: ["TestKit", "ServingAPI", "LibCurl", hummingbird, httpTypes, nioCore, logging],
      path: "Tests/workspace"),
    .executableTarget(
      name: "soak",
      dependencies: ["ControllerKit", "Controller", "History", "HTTPSupport", "Planning", "ServingAPI", "TestKit"],
      path: "Tests/soak"),
    .target(name: "Exploration", dependencies: ["Planning", "Endpoints"], path: "Tests/Exploration"),
    .executableTarget(name: "explore", dependencies: ["Exploration", "TestKit"], path: "Tests/explore"),
    .target(
      name: "FaultExploration",
      dependencies: [
        "ControllerKit", "Controller", "History", "Storage", "Planning", "ServingAPI", "Endpoints", "CanonicalJSON",
        "TestKit", grdb,
      ], path: "Tests/FaultExploration"),
    .executableTarget(name: "faults", dependencies: ["FaultExploration", "TestKit"], path: "Tests/faults"),
    .target(
      name: "Fuzzing", dependencies: ["TestKit", "Gateway", "Endpoints", "LibYAML", "CanonicalJSON", nioCore],
      path: "Tests/Fuzzing"),
    .executableTarget(name: "fuzz", dependencies: ["Fuzzing", "TestKit"], path: "Tests/fuzz"),
    .executableTarget(
      name: "bench",
      dependencies: [
        "Controller", "History", "ModelRegistry", "ServingAPI", "Planning", "Scheduling", "Endpoints", "LibCurl",
        "LibYAML", "CanonicalJSON", logging,
      ], path: "Tests/Benchmarks"),
    .testTarget(name: "LibYAMLTests", dependencies: ["LibYAML"]),
    .testTarget(name: "LibCurlTests", dependencies: ["LibCurl"], resources: [.copy("Server")]),
    .testTarget(name: "LibCryptoTests", dependencies: ["LibCrypto"]),
    .testTarget(name: "CanonicalJSONTests", dependencies: ["CanonicalJSON"]),
    .testTarget(name: "DurationsTests", dependencies: ["Durations"]),
    .testTarget(name: "EventFlagsTests", dependencies: ["EventFlags"]),
    .testTarget(name: "FuzzingTests", dependencies: ["Fuzzing"]),
    .testTarget(name: "FileSystemTests", dependencies: ["FileSystem"]),
    .testTarget(name: "EndpointsTests", dependencies: ["Endpoints", "LibYAML"]),
    .testTarget(name: "PlanningTests", dependencies: ["Planning", "Endpoints", "Exploration", "CanonicalJSON"]),
    .testTarget(name: "SchedulingTests", dependencies: ["Scheduling"]),
    .testTarget(name: "PrometheusMetricsTests", dependencies: ["PrometheusMetrics", "TestKit", coreMetrics]),
    .testTarget(
      name: "ServingAPITests", dependencies: ["ServingAPI", "Endpoints", "LibCurl", "CanonicalJSON", "TestKit"]),
    .testTarget(
      name: "ModelRegistryTests",
      dependencies: ["ModelRegistry", "ServingAPI", "LibCurl", "CanonicalJSON", "TestKit"]),
    .testTarget(name: "StorageTests", dependencies: ["Storage", grdb]),
    .testTarget(
      name: "HistoryTests", dependencies: ["History", "Storage", "Planning", "Endpoints", "CanonicalJSON", grdb]),
    .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", "Storage", "CanonicalJSON", "LibCurl", grdb]),
    .testTarget(name: "ChartsTests", dependencies: ["Charts"]),
    .testTarget(name: "DiagnosisTests", dependencies: ["Diagnosis"]),
    .testTarget(
      name: "HTTPSupportTests",
      dependencies: ["HTTPSupport", "LibCurl", hummingbird, httpTypes, nioCore, nioEmbedded, logging]),
    .testTarget(
      name: "GatewayTests",
      dependencies: [
        "Gateway", "HTTPSupport", "EventFlags", "Scheduling", "CanonicalJSON", hummingbird, hummingbirdCore, httpTypes,
        nioCore,
        nioPosix, nioHTTP1, logging,
      ]),
    .testTarget(
      name: "ControllerTests",
      dependencies: [
        "Controller", "CanonicalJSON", "Endpoints", "HTTPSupport", "PrometheusMetrics", "LibCrypto", "LibCurl",
        "LibYAML", "ModelRegistry", "Planning", "Scheduling", "ServingAPI", "History", "TestKit", "ControllerKit",
        "FaultExploration", "FileSystem", hummingbird, nioCore, httpTypes, logging, serviceLifecycle, grdb, coreMetrics,
        .product(name: "Subprocess", package: "swift-subprocess"),
      ]),
    .testTarget(
      name: "WorkspaceTests",
      dependencies: [
        "Controller", "ControllerKit", "TestKit", "History", "ModelRegistry", "ServingAPI", "Planning", "Endpoints",
        "LibCurl", "LibYAML", "CanonicalJSON",
      ]),
    .testTarget(
      name: "ServingPlaneTests",
      dependencies: [
        "ServingPlane", "Gateway", "HTTPSupport", "Telemetry", "PrometheusMetrics", "Diagnosis", "ServingAPI",
        "ModelRegistry", "Endpoints", "EventFlags", "Scheduling", "FileSystem", "LibCurl", "CanonicalJSON",
        serviceLifecycle, logging, grdb, hummingbird, nioCore, httpTypes,
      ]),
    .testTarget(
      name: "CommandsTests",
      dependencies: [
        "Commands", "TestKit", "ServingAPI", "Endpoints", "Planning", "History", "LibCurl", "CanonicalJSON",
        logging, grdb,
      ]),
  ]
)

// `SETPOINT_TESTS=GatewayTests,SchedulingTests swift test` builds and runs these test targets alone.
if let suites = Context.environment["SETPOINT_TESTS"]?.split(separator: ",").map(String.init), !suites.isEmpty {
  package.targets.removeAll { $0.type == .test && !suites.contains($0.name) }
}

// One set of language settings for every target of ours; a dependency's own warnings are untouched.
for target in package.targets where target.type != .system {
  target.swiftSettings = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
  ]
}

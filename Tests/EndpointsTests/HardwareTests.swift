import Endpoints
import Testing

@Suite struct `Hardware` {
  @Test(
    arguments: [
      ("https://dbc-1.cloud.databricks.com", .aws), ("https://adb-12.3.azuredatabricks.net", .azure),
      ("https://12.3.gcp.databricks.com", .gcp), ("https://acme.gov.databricks.us:443/x", .aws),
      ("https://adb-1.databricks.azure.cn", .azure), ("https://unified.databricks.com", .unknown),
      ("HTTPS://ADB-12.3.AzureDatabricks.net", .azure),
      ("https://workspace.example.com", nil), ("http://127.0.0.1:7387", nil),
      ("https://azuredatabricks.net.example.com", nil), ("https://notazuredatabricks.net", nil), ("", nil),
    ] as [(String, Cloud?)]) func `a cloud is identified by the workspace's address`(url: String, cloud: Cloud?)
  {
    #expect(Cloud(url: url) == cloud)
  }

  @Test func `a cloud's name is accepted in any case, and no other word is`() {
    #expect(Cloud(word: "AWS") == .aws && Cloud(word: "Azure") == .azure && Cloud(word: "gcp") == .gcp)
    #expect(Cloud(word: "unknown") == nil && Cloud(word: "") == nil && Cloud(word: "ibm") == nil)
  }

  @Test(arguments: [
    ("GPU_SMALL", Cloud.aws, "T4 (GPU_SMALL, 1x T4 16 GB)"), ("GPU_SMALL", .azure, "T4 (GPU_SMALL, 1x T4 16 GB)"),
    ("GPU_SMALL", .gcp, "GPU_SMALL"), ("GPU_MEDIUM", .aws, "A10 (GPU_MEDIUM, 1x A10G 24 GB)"),
    ("GPU_MEDIUM", .azure, "GPU_MEDIUM"), ("GPU_MEDIUM", .gcp, "L4 (GPU_MEDIUM, 1x L4 24 GB)"),
    ("MULTIGPU_MEDIUM", .aws, "MULTIGPU_MEDIUM (4x A10G 24 GB)"),
    ("GPU_MEDIUM_8", .aws, "GPU_MEDIUM_8 (8x A10G 24 GB)"), ("GPU_LARGE", .aws, "GPU_LARGE (1x L40-class 48 GB)"),
    ("GPU_LARGE", .azure, "A100 (GPU_LARGE, 1x A100 80 GB)"),
    ("GPU_LARGE_RTX", .aws, "GPU_LARGE_RTX (1x RTX PRO 6000 96 GB)"),
    ("GPU_LARGE_2", .azure, "GPU_LARGE_2 (2x A100 80 GB)"), ("GPU_LARGE_4", .azure, "GPU_LARGE_4 (4x A100 80 GB)"),
    ("GPU_LARGE_8", .azure, "GPU_LARGE_8 (8x A100 80 GB)"), ("GPU_LARGE_8", .aws, "GPU_LARGE_8 (8x A100)"),
    ("GPU_XLARGE", .aws, "H100 (GPU_XLARGE, 1x H100 80 GB)"), ("GPU_XLARGE_8", .aws, "GPU_XLARGE_8 (8x H100 80 GB)"),
    ("GPU_XLARGE", .azure, "GPU_XLARGE"), ("CPU", .aws, "CPU"), ("GPU_NEXT", .aws, "GPU_NEXT"),
    // If the cloud is unknown, only what is the same everywhere is reported.
    ("GPU_SMALL", .unknown, "T4 (GPU_SMALL, 1x T4 16 GB)"), ("GPU_LARGE", .unknown, "GPU_LARGE"),
    ("GPU_MEDIUM", .unknown, "GPU_MEDIUM"),
  ]) func `an API value is shown with its hardware, which differs by cloud`(word: String, cloud: Cloud, shown: String) {
    #expect(Workload.shown(word, on: cloud) == shown)
  }

  @Test func `a plane has hardware classes, not a cloud's hardware`() {
    #expect(Workload.shown("GPU_LARGE") == "A100 (GPU_LARGE)")
    #expect(Workload.shown("GPU_MEDIUM") == "A10 (GPU_MEDIUM)")
    #expect(Workload.shown("GPU_LARGE_2") == "GPU_LARGE_2")
  }

  @Test func `a friendly name means the API value that its cloud lists`() {
    for offer in HardwareOffer.all {
      guard let word = offer.word else { continue }
      #expect(Workload.apiWord(word) == offer.apiWord, "\(word) on \(offer.cloud)")
    }
    #expect(Set(HardwareOffer.all.map { "\($0.apiWord) \($0.cloud)" }).count == HardwareOffer.all.count)
  }

  @Test(arguments: [
    ("Small", 1, 1), ("Medium", 2, 4), ("Large", 4, 16),
  ]) func `a size is a range of replicas`(size: String, least: Int, most: Int) {
    let entity = ServedEntity(entityName: "m", entityVersion: "1", workloadSize: size)
    #expect(entity.replicas == ReplicaRange(least: least, most: most))
  }

  @Test func `provisioned concurrency is a range of replicas, and an unknown size is not`() {
    func entity(_ least: Int, _ most: Int) -> ServedEntity {
      ServedEntity(
        entityName: "m", entityVersion: "1", concurrency: ProvisionedConcurrency(min: least, max: most))
    }
    #expect(entity(4, 8).replicas == ReplicaRange(least: 1, most: 2))
    #expect(entity(6, 6).replicas == ReplicaRange(least: 2, most: 2))
    #expect(entity(0, .max).replicas?.least == 0)
    #expect(ServedEntity(entityName: "m", entityVersion: "1", workloadSize: "Huge").replicas == nil)
  }
}

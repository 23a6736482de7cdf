/// The names and addresses under which a machine reaches only itself.
package enum Loopback {
  /// Returns whether an address or a name is a loopback one; IPv6 without brackets.
  package static func contains(_ host: String) -> Bool {
    let host = host.lowercased()
    if host == "localhost" || host.hasSuffix(".localhost") || host == "::1" { return true }
    let address = host.hasPrefix("::ffff:") ? String(host.dropFirst(7)) : host
    let parts = address.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}

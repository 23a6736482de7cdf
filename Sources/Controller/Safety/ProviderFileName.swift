internal import ServingAPI

/// The names of files in the state directory that belong to one provider.
enum ProviderFileName {
  /// Returns a name that is different for different providers, and for different further parts such as a fleet; the
  /// case and a trailing slash of the provider's URL do not matter. Everything except letters, digits, dots and
  /// underscores is written as `%XX`.
  static func name(_ kind: String, provider: String, _ parts: String...) -> String {
    var url = provider.lowercased()[...]
    while url.last == "/" { url.removeLast() }
    let name = ([kind] + ([String(url)] + parts).map(escaped)).joined(separator: "-")
    // File systems accept at most 255 bytes.
    guard name.utf8.count > 200 else { return name }
    let hash = name.utf8.reduce(into: 0xCBF2_9CE4_8422_2325 as UInt64) { hash, byte in
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }
    return "\(name.prefix(160))-\(String(hash, radix: 16))"
  }

  /// Encodes the dash too, which separates the parts of the name.
  private static func escaped(_ text: String) -> String {
    PercentEncoding.encode(text).replacing("-", with: "%2D").replacing("~", with: "%7E")
  }
}

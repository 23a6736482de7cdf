/// Splits a stream of server-sent events, however its bytes were divided in transit.
struct ServerSentEvents {
  private var line: [UInt8] = []
  private var data: [String] = []
  private var lastWasCarriageReturn = false

  /// Returns the `data` of every event that these bytes complete. Comments (heartbeats) and other fields are skipped.
  mutating func take(_ bytes: [UInt8]) -> [String] {
    var events: [String] = []
    for byte in bytes {
      let followsCarriageReturn = lastWasCarriageReturn
      lastWasCarriageReturn = byte == 0x0D
      if byte == 0x0A, followsCarriageReturn { continue }
      if byte == 0x0A || byte == 0x0D {
        if let event = endLine() { events.append(event) }
      } else {
        line.append(byte)
      }
    }
    return events
  }

  private mutating func endLine() -> String? {
    let text = String(decoding: line, as: UTF8.self)
    line.removeAll(keepingCapacity: true)
    if text.isEmpty {
      defer { data = [] }
      return data.isEmpty ? nil : data.joined(separator: "\n")
    }
    if text.hasPrefix("data:") {
      let value = text.dropFirst(5)
      data.append(String(value.hasPrefix(" ") ? value.dropFirst() : value))
    }
    return nil
  }
}

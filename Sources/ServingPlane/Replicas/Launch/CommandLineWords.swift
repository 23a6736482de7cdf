/// Splits a command line into words as a POSIX shell does, without a shell: quotes and backslashes are honored,
/// `$NAME`, `${NAME}` and `{port}` are replaced, and anything that needs a shell to run is refused by name.
enum CommandLineWords {
  /// - Parameters:
  ///   - text: the command line, as given in a model version's metadata.
  ///   - port: the value of `{port}`, `$PORT` and `${PORT}`; nil leaves `{port}` in place.
  ///   - variables: the values of any other `$NAME`; nil if not known yet, and then any name is accepted.
  static func split(_ text: String, port: Int?, variables: [String: String]?) throws(EntrypointError) -> [String] {
    let port = port.map(String.init) ?? "{port}"
    var splitter = Splitter(characters: Array(text), port: port, variables: variables)
    let words = try splitter.words()
    return words.map { $0.replacing("{port}", with: port) }
  }
}

/// Why an entrypoint cannot be run.
struct EntrypointError: Error, Hashable, CustomStringConvertible {
  let description: String
}

private struct Splitter {
  let characters: [Character]
  let port: String
  let variables: [String: String]?
  var position = 0

  mutating func words() throws(EntrypointError) -> [String] {
    var words: [String] = []
    while true {
      skipSpace()
      guard position < characters.count else { return words }
      words.append(try word())
    }
  }

  /// Skips whitespace, and backslashes that only join two lines.
  private mutating func skipSpace() {
    while position < characters.count {
      if characters[position].isWhitespace {
        position += 1
      } else if characters[position] == "\\", position + 1 < characters.count, characters[position + 1].isNewline {
        position += 2
      } else {
        return
      }
    }
  }

  private mutating func word() throws(EntrypointError) -> String {
    var word = ""
    while position < characters.count, !characters[position].isWhitespace {
      let character = characters[position]
      position += 1
      switch character {
      case "'": word += try quoted(until: "'")
      case "\"": word += try doubleQuoted()
      case "\\":
        guard position < characters.count else { throw EntrypointError(description: "it ends with a lone backslash") }
        // A backslash before a line break joins the lines, as in a shell.
        if !characters[position].isNewline { word.append(characters[position]) }
        position += 1
      case "$": word += try variable()
      case "|", "&", ";", "<", ">", "(", ")", "`":
        throw EntrypointError(
          description: "it uses \"\(character)\", which needs a shell; entrypoints are run without a shell, "
            + "so use one plain command, or quote the character")
      default: word.append(character)
      }
    }
    return word
  }

  private mutating func quoted(until end: Character) throws(EntrypointError) -> String {
    guard let close = characters[position...].firstIndex(of: end) else {
      throw EntrypointError(description: "the quote \(end) at character \(position) is not closed")
    }
    defer { position = close + 1 }
    return String(characters[position..<close])
  }

  private mutating func doubleQuoted() throws(EntrypointError) -> String {
    let start = position
    var text = ""
    while position < characters.count {
      let character = characters[position]
      position += 1
      switch character {
      case "\"": return text
      case "\\" where position < characters.count && "\\\"$`".contains(characters[position]):
        text.append(characters[position])
        position += 1
      case "$": text += try variable()
      default: text.append(character)
      }
    }
    throw EntrypointError(description: "the quote \" at character \(start) is not closed")
  }

  /// The part after a `$`; a `$` before anything but a name stands for itself.
  private mutating func variable() throws(EntrypointError) -> String {
    guard position < characters.count else { return "$" }
    if characters[position] == "(" {
      throw EntrypointError(description: "it uses \"$(\", which needs a shell; use one plain command")
    }
    let braced = characters[position] == "{"
    var end = braced ? position + 1 : position
    let start = end
    while end < characters.count, characters[end].isVariableName { end += 1 }
    let name = String(characters[start..<end])
    guard !name.isEmpty, name.first?.isNumber == false, !braced || (end < characters.count && characters[end] == "}")
    else {
      if braced {
        throw EntrypointError(description: "only plain ${NAME} is supported, without shell operators")
      }
      return "$"
    }
    position = braced ? end + 1 : end
    if name == "PORT" { return port }
    guard let variables else { return "" }
    guard let value = variables[name] else {
      throw EntrypointError(
        description: "it uses the variable $\(name), which is not set; set it in the endpoint's environment, "
          + "or quote the $ with a backslash")
    }
    return value
  }
}

extension Character {
  fileprivate var isVariableName: Bool { isASCII && (isLetter || isNumber || self == "_") }
}

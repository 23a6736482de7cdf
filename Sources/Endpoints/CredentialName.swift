/// Recognizes the names of environment variables that hold credentials, such as `DB_PASSWORDS`, `secretKey`, `HFTOKEN2`.
enum CredentialName {
  /// Whether the name suggests that the value is a credential.
  static func isOne(_ name: String, value: String) -> Bool {
    words(of: name).contains { word in
      // MAX_NUM_BATCHED_TOKENS is a limit.
      if word.hasSuffix("TOKENS"), isCount(value) { return false }
      let forms = word.hasSuffix("S") ? [word, String(word.dropLast())] : [word]
      return forms.contains { form in
        credentialWords.contains(form) || endings.contains { form.hasSuffix($0) } && !harmlessWords.contains(form)
      }
    }
  }

  private static let credentialWords: Set<String> = [
    "KEY", "CRED", "PASSCODE", "PW", "PIN", "AUTH", "AUTHORIZATION", "BEARER", "COOKIE", "DSN", "JWT", "OTP", "PAT",
    "PEM", "SAS", "SIG", "SIGNATURE", "WEBHOOK",
  ]
  /// Also in compounds, such as `DBPASSWORD`. `KEY` alone is not: it also ends other words, such as `MONKEY`.
  private static let endings: [String] =
    ["TOKEN", "SECRET", "PASS", "PASSWORD", "PASSWD", "PWD", "PASSPHRASE", "CREDENTIAL"]
    + ["ACCESS", "ACCOUNT", "API", "AUTH", "ENCRYPTION", "MASTER", "PRIVATE", "SECRET", "SHARED", "SIGNING", "SSH"]
    .map { $0 + "KEY" }
  /// Words with such an ending whose values are no credentials. `SSH_ASKPASS` names a program.
  private static let harmlessWords: Set<String> = ["ASKPASS", "BYPASS", "COMPASS"]

  /// Returns the words in upper case, without the digits at their ends: `dbPassword2` has `DB` and `PASSWORD`.
  private static func words(of name: String) -> [String] {
    var words = [""]
    var isAfterLowercase = false
    for character in name {
      let isPart = character.isLetter || character.isNumber
      if !isPart || isAfterLowercase && character.isUppercase { words.append("") }
      if isPart { words[words.count - 1] += character.uppercased() }
      isAfterLowercase = character.isLowercase
    }
    return words.map { word in
      var word = word
      while word.last?.isNumber == true { word.removeLast() }
      return word
    }
  }

  private static func isCount(_ value: String) -> Bool {
    (1...7).contains(value.utf8.count) && value.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
  }
}

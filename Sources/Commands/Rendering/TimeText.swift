internal import Planning

/// Times for people and programs.
package enum TimeText {
  /// Returns an instant as RFC 3339 in UTC, `2026-08-23T09:05:00Z`. `milliseconds` is counted from 1970.
  package static func instant(_ milliseconds: Int64) -> String { Timestamp(milliseconds: milliseconds).text() }

  /// Returns a duration in its two largest units: `8s`, `2m05s`, `1h02m`, `3d04h`.
  package static func span(seconds: Int64) -> String {
    switch max(0, seconds) {
    case let seconds where seconds < 60: "\(seconds)s"
    case let seconds where seconds < 3600: "\(seconds / 60)m\(padded(seconds % 60))s"
    case let seconds where seconds < 86400: "\(seconds / 3600)h\(padded(seconds / 60 % 60))m"
    case let seconds: "\(seconds / 86400)d\(padded(seconds / 3600 % 24))h"
    }
  }

  /// Returns an age in its largest unit: `8s`, `2m`, `1h`, `3d`.
  package static func age(milliseconds: Int64) -> String {
    switch max(0, milliseconds / 1000) {
    case let seconds where seconds < 60: "\(seconds)s"
    case let seconds where seconds < 3600: "\(seconds / 60)m"
    case let seconds where seconds < 86400: "\(seconds / 3600)h"
    case let seconds: "\(seconds / 86400)d"
    }
  }

  private static func padded(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

package import Alerts

/// Escaped texts for messages that are no notifications, such as answers to commands. Each is on one line of a message's
/// `text`, mentions nobody and formats nothing. A space, a comma or a line break must follow it.
package enum RoomText {
    /// - Parameter limit: the most UTF-16 units of the result.
    package static func prose(_ raw: String, limit: Int) -> String { Escape.text(raw, limit: limit).string }

    /// A name or another raw value, as inline code.
    package static func value(_ raw: String, limit: Int) -> String { Escape.value(raw, in: .text, limit: limit).string }

    /// The alert's name and place: `HighCPUUsage on web-1:9100`.
    package static func description(of alert: Alert) -> String {
        Escape.text(alert.displayName, limit: 100, startsLine: false).string + AlertNames.place(of: [alert])
    }
}

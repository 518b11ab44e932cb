import CSimdjson
import Support

/// What Grafana sends of an alert beside Alertmanager's fields (docs/grafana.md). All texts are untrusted.
package struct GrafanaFields: Sendable, Equatable {
    /// The form for a silence of this alert.
    package var silenceURL = ""
    package var dashboardURL = ""
    package var panelURL = ""
    /// A screenshot of the panel.
    package var imageURL = ""
    /// The results of the rule's queries and expressions by their names, as `A=1.23, B=4`; nil if there are none.
    package var values: String?
    /// The results as Grafana writes them: `[ var='B' labels={zone=us-1} value=44.2 ]`. Empty if blank.
    package var valueString = ""

    package init() {}

    /// The most bytes of a text; longer ones are cut. A message shows less.
    static let textLimit = 8_192

    /// Nil if there are no such fields.
    init?(_ view: webhook_grafana) {
        silenceURL = view.silence_url.text
        dashboardURL = view.dashboard_url.text
        panelURL = view.panel_url.text
        imageURL = view.image_url.text
        let pairs = UnsafeBufferPointer(start: view.values, count: view.value_count)
        let numbers = pairs.map { "\($0.name.text)=\(Self.readable($0.value.text))" }
        values = numbers.isEmpty ? nil : numbers.joined(separator: ", ")
        let text = view.value_string.text(limit: Self.textLimit)
        if !SanitizedText.isBlank(text) { valueString = text }
        if values == nil, !valueString.isEmpty { values = valueString }
        if self == GrafanaFields() { return nil }
    }

    /// A JSON number with at most four significant digits after the point; the number as sent if it has an exponent.
    static func readable(_ json: String) -> String {
        guard let number = Double(json), number.isFinite, abs(number) < 1e15 else { return json }
        if number == number.rounded() { return String(Int64(number)) }
        var scale = 1_000.0
        // A value below 1 keeps three significant digits.
        while abs(number) * scale < 100, scale < 1e12 { scale *= 10 }
        let rounded = (number * scale).rounded() / scale
        return rounded == 0 ? json : "\(rounded)"
    }
}

/// What Grafana sends of a notification beside Alertmanager's fields (docs/grafana.md). All texts are untrusted, and empty
/// if Grafana did not send them.
package struct GrafanaEnvelope: Sendable, Equatable {
    /// The title and the message that Grafana's notification templates made of all its alerts.
    package var title = ""
    package var message = ""
    /// `alerting` or `ok`.
    package var state = ""
    /// The organization; nil if it is not a whole number of 64 bits.
    package var orgID: Int?

    package init() {}

    init(_ view: webhook_payload) {
        title = view.title.text(limit: GrafanaFields.textLimit)
        message = view.message.text(limit: GrafanaFields.textLimit)
        state = view.state.text(limit: GrafanaFields.textLimit)
        orgID = Int(view.org_id.text(limit: GrafanaFields.textLimit))
    }

    /// Removes what the other notification does not share.
    package mutating func keepShared(with other: GrafanaEnvelope) {
        if title != other.title { title = "" }
        if message != other.message { message = "" }
        if state != other.state { state = "" }
        if orgID != other.orgID { orgID = nil }
    }
}

/// A state of a Grafana rule that Grafana sends as an alert of its own name, with the rule's name in the label `rulename`.
enum GrafanaState: String {
    case noData = "DatasourceNoData"
    case error = "DatasourceError"

    init?(alertName: String) {
        self.init(rawValue: alertName)
    }

    var words: String {
        switch self {
        case .noData: "no data"
        case .error: "data source error"
        }
    }
}

/// How much of an alert an attachment shows, in UTF-16 units and counts.
struct AttachmentLimits: Sendable, Equatable {
    var text: Int
    var title: Int
    var summary: Int
    var details: Int
    var value: Int
    var fields: Int
    /// Bytes of one URL; browsers and proxies take about as much.
    var url: Int

    /// The limits for an attachment whose text has `text` units.
    init(text: Int) {
        self.text = text
        title = 160
        summary = min(400, text / 6)
        details = min(1_500, text / 3)
        value = 300
        fields = 30
        url = 2_000
    }

    /// Half of everything but the title: for an alert that alone exceeds a message.
    var tightened: AttachmentLimits {
        var half = self
        half.text = max(200, text / 2)
        half.summary /= 2
        half.details /= 2
        half.value /= 2
        half.fields /= 2
        half.url /= 2
        return half
    }
}

import CSimdjson

// Copies out of the parser's memory, which the next body overwrites.

extension csj_string {
    var rawBytes: UnsafeRawBufferPointer? {
        bytes.map { UnsafeRawBufferPointer(start: $0, count: size) }
    }

    /// nil where the field is absent.
    var optionalText: String? {
        rawBytes.map { String(decoding: $0, as: UTF8.self) }
    }

    var text: String { optionalText ?? "" }
}

extension Labels {
    init(_ range: csj_range, _ all: UnsafeBufferPointer<csj_pair>) {
        pairs = (range.first..<range.first + range.count).map { index in
            Pair(name: all[index].name.text, value: all[index].value.text)
        }
    }
}

extension Alert {
    init(_ view: csj_alert, _ pairs: UnsafeBufferPointer<csj_pair>) {
        status = view.is_resolved ? .resolved : .firing
        labels = Labels(view.labels, pairs)
        annotations = Labels(view.annotations, pairs)
        startsAt = Timestamp(rfc3339: view.starts_at.text)?.ifMeant
        endsAt = view.is_resolved ? Timestamp(rfc3339: view.ends_at.text)?.ifMeant : nil
        generatorURL = view.generator_url.text
        fingerprint = view.fingerprint.text
    }
}

extension Timestamp {
    /// nil for the year 1, which is Go's way to say that there is no time.
    fileprivate var ifMeant: Timestamp? {
        seconds < -62_135_596_800 + 366 * 86_400 ? nil : self
    }
}

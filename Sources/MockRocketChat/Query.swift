/// The parameters of a URL's query.
struct Query {
    private let form: FormBody

    init(_ query: String?) {
        form = FormBody(Array((query ?? "").utf8))
    }

    subscript(name: String) -> String? {
        form[name].map { String(decoding: $0, as: UTF8.self) }
    }
}

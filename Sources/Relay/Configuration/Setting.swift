/// A type whose properties hold the values of settings. The initial values are the defaults.
protocol SettingGroup: Sendable {
    init()

    /// The declarations in the order of reading, which is the order of problems.
    static var settings: [Setting<Self>] { get }
}

/// The declaration of a setting of `Group`: names, format, default, range and effect, in one place.
///
/// Everything else is made from it or tested against it: the reader, the known names of the file and the environment, the
/// settings that need a restart, the service manager's credentials, the table in docs/CONFIGURATION.md and the example.
struct Setting<Group: SettingGroup>: Sendable {
    typealias Step = @Sendable (inout ConfigurationReader, inout Group, SettingScope) -> Void

    let name: SettingName
    /// The command-line flag without its hyphens; nil if there is none.
    private(set) var flag: String?
    private(set) var secrecy = SettingSecrecy.none
    /// An empty value is a problem: it would leave the listener open to everybody.
    private(set) var rejectsEmpty = false
    /// A reload does not apply a change.
    private(set) var needsRestart = false
    private(set) var shape = SettingShape.single
    /// Nil if the value is not a number.
    private(set) var ends: SettingEnds?
    /// The default as the table shows it. Made when it is needed, because a start does not need it.
    var defaultText: String { makeDefaultText() }
    private let makeDefaultText: @Sendable () -> String
    let sentence: String

    /// Whether two groups have the same value. Always true for a value that several settings make together.
    let isSame: @Sendable (Group, Group) -> Bool
    /// Reads the value into the group, and notes problems and warnings.
    let read: Step

    /// Declares a value that is kept in one property.
    ///
    /// - Parameters:
    ///   - place: the property. Its initial value is the default.
    ///   - variable: the environment variable, if it is not `RELAY_` and the key.
    ///   - standard: the default for the table, if it is a word, or is written otherwise than `format` writes it.
    ///   - before: runs before the value is read, whether it is given or not.
    ///   - after: checks that involve other settings. Runs whether the value is given or not.
    init<Value>(
        _ key: String, _ place: any WritableKeyPath<Group, Value> & Sendable, _ format: SettingFormat<Value>,
        variable: String? = nil, default standard: String? = nil, flag: String? = nil,
        secrecy: SettingSecrecy = .none, rejectsEmpty: Bool = false, needsRestart: Bool = false, before: Step? = nil,
        after: Step? = nil, _ sentence: String
    ) {
        let name = SettingName(key: key, variable: variable)
        self.init(
            name, default: standard ?? format.text(Group()[keyPath: place]).map { "`\($0)`" } ?? "none", sentence,
            isSame: { format.isSame($0[keyPath: place], $1[keyPath: place]) },
            read: { reader, group, scope in
                before?(&reader, &group, scope)
                if let value = reader.value(of: name.scoped(to: scope), isSecret: secrecy == .value, format) {
                    group[keyPath: place] = value
                }
                after?(&reader, &group, scope)
            })
        (self.flag, self.secrecy, self.rejectsEmpty, self.needsRestart) = (flag, secrecy, rejectsEmpty, needsRestart)
        (shape, ends) = (format.shape, format.ends)
    }

    /// Declares the path of a file that is used together with others.
    ///
    /// - Parameter read: reads all of them. Nil if the step of another one does.
    init(
        file key: String, flag: String? = nil, secrecy: SettingSecrecy = .none, rejectsEmpty: Bool = false,
        read: Step? = nil,
        _ sentence: String
    ) {
        let name = SettingName(key: key, variable: nil)
        self.init(name, default: "none", sentence, isSame: { _, _ in true }, read: read ?? { _, _, _ in })
        (self.flag, self.secrecy, self.rejectsEmpty) = (flag, secrecy, rejectsEmpty)
    }

    private init(
        _ name: SettingName, default text: @escaping @autoclosure @Sendable () -> String, _ sentence: String,
        isSame: @escaping @Sendable (Group, Group) -> Bool, read: @escaping Step
    ) {
        (self.name, makeDefaultText, self.sentence) = (name, text, sentence)
        (self.isSame, self.read) = (isSame, read)
    }

    /// The same setting as one of a larger group.
    func within<Outer>(_ path: any WritableKeyPath<Outer, Group> & Sendable) -> Setting<Outer> {
        var setting = Setting<Outer>(
            name, default: makeDefaultText(), sentence,
            isSame: { [isSame] in isSame($0[keyPath: path], $1[keyPath: path]) },
            read: { [read] reader, outer, scope in read(&reader, &outer[keyPath: path], scope) })
        (setting.flag, setting.secrecy, setting.rejectsEmpty) = (flag, secrecy, rejectsEmpty)
        (setting.needsRestart, setting.shape, setting.ends) = (needsRestart, shape, ends)
        return setting
    }

    // MARK: Names

    var variable: String { name.shown }
    var key: String { name.key }

    /// The value may be in a file that the `_FILE` variable or the `_file` key names.
    var isSecret: Bool { secrecy == .value }

    /// Its own name, and that of its `_FILE` twin if it has one.
    var names: [SettingName] { isSecret ? [name, name.file] : [name] }
}

extension Setting where Group == RelayConfiguration {
    /// Every setting that has a variable.
    static var all: [Setting] { RelayConfiguration.settings }
}

enum SettingSecrecy: Sendable {
    case none
    /// The value is secret: it has a `_FILE` twin, and commands that work without secrets do not read it.
    case value
    /// The value names a file that is secret.
    case file
}

/// Where a setting is given: for all hooks, for the receiver at an index in the file, or under another key of the file.
enum SettingScope: Sendable {
    case all
    case receiver(Int)
    case section(String)
}

/// The names that a value is looked up and reported by.
struct SettingName: Sendable, Hashable {
    /// Nil for the setting of a receiver or a watchdog, which has a key only.
    private(set) var variable: String?
    /// Dots separate the levels of the file. Empty for a variable that the file has no key for.
    private(set) var key: String

    /// - Parameter variable: nil if it is `RELAY_` and the key.
    init(key: String, variable: String?) {
        // By bytes, because a start makes a hundred names.
        let letters = key.uppercased().utf8.map { $0 == UInt8(ascii: ".") ? UInt8(ascii: "_") : $0 }
        self.variable = variable ?? "RELAY_" + String(decoding: letters, as: UTF8.self)
        self.key = key
    }

    /// The twin that names a file with the value.
    var file: SettingName {
        var twin = self
        (twin.variable, twin.key) = (variable.map { $0 + "_FILE" }, key + "_file")
        return twin
    }

    func scoped(to scope: SettingScope) -> SettingName {
        let prefix: String
        switch scope {
        case .all: return self
        case .receiver(let index): prefix = "receivers[\(index)]"
        case .section(let key): prefix = key
        }
        var scoped = self
        (scoped.variable, scoped.key) = (nil, "\(prefix).\(key)")
        return scoped
    }

    /// The name for a message that does not depend on where the value was given.
    var shown: String { variable ?? key }
}

// swift-tools-version: 6.2
import PackageDescription

/// The settings of every Swift target: language mode 6, and warnings are errors.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .treatAllWarnings(as: .error),
    // By default the runtime makes the metadata of a generic type from its name at the first use, and searches all
    // conformances of the program (docs/decisions/0049).
    .unsafeFlags(
        ["-Xfrontend", "-disable-concrete-type-metadata-mangled-name-accessors"], .when(configuration: .release)),
]

/// For the module whose objects all belong to the loop: release builds omit two checks that debug builds make, and with
/// them all tests (docs/decisions/0044).
let loopChecked =
    strict + [
        .unsafeFlags(
            ["-enforce-exclusivity=unchecked", "-disable-dynamic-actor-isolation"], .when(configuration: .release))
    ]

/// For modules whose generic types others specialize: the journal is generic over the caller's tickets.
let specialized = strict + [.unsafeFlags(["-cross-module-optimization"], .when(configuration: .release))]

/// For the parser of messages, also in debug builds: tests parse thousands of messages, which takes 20 times as long
/// without optimization.
let optimized = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// The built commit, set by `make release` and by the image's build. Characters that need quoting are removed.
let revision = (Context.environment["RELAY_REVISION"] ?? "").filter {
    $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-")
}

/// Debian's hardening of C and C++ code, and stack-clash protection. _FORTIFY_SOURCE needs optimization, which only the
/// release configuration has. Control-flow protection is left out: Swift's objects lack it, so the linker drops it.
let hardening = [
    "-fstack-protector-strong", "-fstack-clash-protection", "-D_FORTIFY_SOURCE=2", "-Wformat",
    "-Werror=format-security",
]
/// Resolves every symbol at start and makes the relocated data read-only (full RELRO). Swift links PIE by default.
let hardenedLink = LinkerSetting.unsafeFlags(
    ["relro", "now", "noexecstack"].flatMap { ["-Xlinker", "-z", "-Xlinker", $0] }, .when(configuration: .release))

let package = Package(
    name: "alertmanager-rocketchat-relay",
    products: [
        .executable(name: "relay", targets: ["Relay"]),
        .executable(name: "mock-rocketchat", targets: ["MockRocketChat"]),
    ],
    // Versions are exact (docs/decisions/0029). Neither package needs another.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    ],
    targets: [
        // System C libraries. Each is imported by one module or folder only, which `ImportTests` checks.
        .systemLibrary(
            name: "CLibevent", pkgConfig: "libevent",
            providers: [.apt(["libevent-dev"]), .brew(["libevent"])]),
        .systemLibrary(
            name: "CLibcurl", pkgConfig: "libcurl",
            providers: [.apt(["libcurl4-openssl-dev"]), .brew(["curl"])]),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite"])]),
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib",
            providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .systemLibrary(
            name: "CLibdeflate", pkgConfig: "libdeflate",
            providers: [.apt(["libdeflate-dev"]), .brew(["libdeflate"])]),
        .systemLibrary(
            name: "CCrypt", pkgConfig: "libxcrypt",
            providers: [.apt(["libcrypt-dev"])]),
        .systemLibrary(
            name: "CCrypto", pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]),
        .systemLibrary(
            name: "CPostgreSQL", pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(
            name: "CYaml", pkgConfig: "yaml-0.1",
            providers: [.apt(["libyaml-dev"]), .brew(["libyaml"])]),
        .target(
            name: "CSimdjson",
            cxxSettings: [
                .unsafeFlags(["-Wall", "-Wextra", "-Werror"]),
                .unsafeFlags(hardening, .when(configuration: .release)),
            ],
            linkerSettings: [.linkedLibrary("simdjson")]),
        .target(
            name: "CRE2",
            cxxSettings: [
                .unsafeFlags(["-Wall", "-Wextra", "-Werror"]),
                .unsafeFlags(hardening, .when(configuration: .release)),
            ],
            linkerSettings: [.linkedLibrary("re2")]),
        .target(
            name: "CMustache",
            cxxSettings: [
                .unsafeFlags(["-Wall", "-Wextra", "-Werror"]),
                .unsafeFlags(hardening, .when(configuration: .release)),
            ]),
        .target(
            name: "CRevision",
            cSettings: [
                .define("RELAY_REVISION", to: "\"\(revision.isEmpty ? "unknown" : revision)\""),
                .unsafeFlags(hardening, .when(configuration: .release)),
            ]),

        // The way of the data is the order of these targets: none imports one that comes after it.
        .target(name: "Support", swiftSettings: strict),
        .target(name: "DeliveryCore", swiftSettings: strict),
        .target(name: "Libevent", dependencies: ["CLibevent", "Support"], swiftSettings: loopChecked),
        .target(
            name: "Alerts", dependencies: ["CCrypto", "CRE2", "CSimdjson", "Support"], swiftSettings: strict),
        .target(name: "Journaling", dependencies: ["Alerts", "Support"], swiftSettings: specialized),
        .target(
            name: "SQLiteJournal", dependencies: ["Alerts", "CLibdeflate", "CSQLite", "Journaling", "Support"],
            swiftSettings: strict),
        // No product depends on it yet.
        .target(
            name: "PostgreSQLJournal", dependencies: ["Alerts", "CLibdeflate", "CPostgreSQL", "Journaling", "Support"],
            swiftSettings: strict),
        .target(
            name: "Posting", dependencies: ["Alerts", "CLibcurl", "DeliveryCore", "Support"], swiftSettings: strict),
        .target(name: "ChatMarkup", dependencies: ["Support"], swiftSettings: optimized),
        .target(
            name: "RocketChat",
            dependencies: ["Alerts", "ChatMarkup", "CMustache", "DeliveryCore", "Posting", "Support"],
            swiftSettings: strict),
        .target(
            name: "ChatOps", dependencies: ["Alerts", "Posting", "RocketChat", "Support"], swiftSettings: strict),
        .executableTarget(
            name: "Relay",
            dependencies: [
                "Alerts", "CCrypt", "CCrypto", "CLinux", "CRevision", "ChatMarkup", "ChatOps", "CSimdjson", "CYaml",
                "CZlib",
                "DeliveryCore",
                "Journaling", "Libevent", "Posting", "RocketChat", "SQLiteJournal", "Support",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict,
            linkerSettings: [hardenedLink]),
        .executableTarget(
            name: "MockRocketChat",
            dependencies: [
                "ChatMarkup", "Libevent", "Posting", "Support",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict,
            linkerSettings: [hardenedLink]),

        .target(
            name: "TestSupport",
            dependencies: [
                "Alerts", "CLinux", "Journaling", "Libevent", "PostgreSQLJournal", "SQLiteJournal", "Support",
            ],
            path: "Tests/TestSupport", swiftSettings: strict),
        .target(
            name: "DeliverySimulation", dependencies: ["DeliveryCore"], path: "Tests/DeliverySimulation",
            swiftSettings: strict),
        .executableTarget(
            name: "simulate", dependencies: ["DeliverySimulation"], path: "Tests/Simulate", swiftSettings: strict),
        .testTarget(
            name: "DeliveryCoreTests", dependencies: ["DeliveryCore", "DeliverySimulation"],
            exclude: ["Seeds"], swiftSettings: strict),
        .testTarget(
            name: "ChatMarkupTests", dependencies: ["ChatMarkup", "TestSupport"],
            exclude: ["rocketchat-parsers.json"], swiftSettings: strict),
        .testTarget(
            name: "LibeventTests", dependencies: ["Libevent", "Support", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "AlertsTests", dependencies: ["Alerts", "Support", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "JournalTests",
            dependencies: ["Alerts", "CSQLite", "Journaling", "SQLiteJournal", "Support", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "PostgreSQLTests",
            dependencies: ["Alerts", "Journaling", "PostgreSQLJournal", "Support", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "RocketChatTests",
            dependencies: ["Alerts", "ChatMarkup", "Posting", "RocketChat", "Support", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ChatOpsTests",
            dependencies: ["Alerts", "ChatMarkup", "ChatOps", "Posting", "RocketChat", "Support", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "RelayTests",
            dependencies: [
                "Alerts", "ChatMarkup", "ChatOps", "DeliveryCore", "Journaling", "Libevent", "Posting", "Relay",
                "RocketChat",
                "SQLiteJournal", "Support", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "MockRocketChatTests",
            dependencies: ["ChatMarkup", "Libevent", "MockRocketChat", "Support", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests", dependencies: ["MockRocketChat", "Relay", "Support", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "AbuseTests", dependencies: ["MockRocketChat", "Relay", "TestSupport"], swiftSettings: strict),
    ],
    cxxLanguageStandard: .cxx17
)

// `make simulate` builds only the delivery core and its simulator, without the relay's packages and libraries. The
// variable names the core's sources: `Sources/DeliveryCore`, or a copy with mutants (Tests/Simulate).
if let core = Context.environment["RELAY_SIMULATE"] {
    let simulation = ["DeliverySimulation", "simulate", "DeliveryCoreTests"]
    package.products = [.executable(name: "simulate", targets: ["simulate"])]
    package.dependencies = []
    package.targets.removeAll { !simulation.contains($0.name) }
    let isMutated = core != "Sources/DeliveryCore"
    let flags = strict + (isMutated ? [.define("MUTANTS")] : []) + [.unsafeFlags(["-enforce-exclusivity=unchecked"])]
    for target in package.targets { target.swiftSettings = flags }
    package.targets.append(.target(name: "DeliveryCore", path: core, swiftSettings: flags))
}

// `make fuzz` builds the relay as a library with coverage counters, and libFuzzer's driver as its program (Tests/Fuzz).
if let fuzzer = Context.environment["RELAY_FUZZER"], let relay = package.targets.first(where: { $0.name == "Relay" }) {
    let covered = SwiftSetting.unsafeFlags([
        "-sanitize-coverage=edge,inline-8bit-counters,pc-table,trace-cmp",
        // Renames @main's entry point, because the driver has its own.
        "-Xfrontend", "-entry-point-function-name", "-Xfrontend", "Relay_main",
    ])
    let parts = [
        "Alerts", "ChatMarkup", "ChatOps", "Journaling", "Libevent", "Posting", "RocketChat", "SQLiteJournal",
        "Support",
    ]
    for target in package.targets where parts.contains(target.name) { target.swiftSettings = strict + [covered] }
    package.products = []
    package.targets.removeAll { $0.type == .test || ["Relay", "MockRocketChat", "TestSupport"].contains($0.name) }
    package.targets += [
        .target(name: "Relay", dependencies: relay.dependencies, swiftSettings: strict + [covered]),
        .executableTarget(
            name: "FuzzRelay", dependencies: ["Relay"] + parts.map { .byName(name: $0) },
            path: "Tests/Fuzz/Relay",
            swiftSettings: [.swiftLanguageMode(.v6)],
            linkerSettings: [.unsafeFlags(["-Xlinker", fuzzer, "-lstdc++"])]),
    ]
}

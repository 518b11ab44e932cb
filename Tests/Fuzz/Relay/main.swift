import Glibc

// Runs libFuzzer, without its own main, on the target that RELAY_FUZZ_TARGET names.
//
// A new target needs a function in FuzzTargets.swift, an entry in `all` there, a folder in Corpora and a name in
// .ci/fuzz.

@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ target: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

guard let name = getenv("RELAY_FUZZ_TARGET").map({ String(cString: $0) }), FuzzTargets.all[name] != nil else {
    print("RELAY_FUZZ_TARGET must be one of: \(FuzzTargets.all.keys.sorted().joined(separator: " "))")
    exit(64)
}

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(
    runFuzzer(&count, &arguments) { bytes, size in
        FuzzTargets.chosen(Array(UnsafeBufferPointer(start: bytes, count: size)))
        return 0
    })

import Glibc
import Support

/// The `process_*` metrics that every Prometheus client library exports, read from /proc.
struct ProcessMetrics {
    var cpuSeconds: Double
    var residentBytes: Double
    var virtualBytes: Double
    var openDescriptors: Double
    var maxDescriptors: Double
    var startTime: Double

    /// Returns nil if there is no /proc.
    init?() {
        // The command name is in parentheses and may contain spaces, so fields are counted after it (proc(5)).
        guard let stat = Self.read("/proc/self/stat"), let name = stat.lastIndex(of: ")"),
            let boot = Self.read("/proc/stat")?.split(separator: "\n").first(where: { $0.hasPrefix("btime ") })
        else { return nil }
        let fields = stat[stat.index(after: name)...].split(separator: " ").map { Double($0) ?? 0 }
        guard fields.count > 21 else { return nil }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        cpuSeconds = (fields[11] + fields[12]) / ticks
        startTime = (Double(boot.dropFirst(6)) ?? 0) + fields[19] / ticks
        virtualBytes = fields[20]
        residentBytes = fields[21] * Double(sysconf(Int32(_SC_PAGESIZE)))
        openDescriptors = Double(Self.countDescriptors())
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        maxDescriptors = Double(limit.rlim_cur)
    }

    func write(to text: inout MetricsText) {
        func write(_ name: String, _ help: String, type: String = "gauge", _ value: Double) {
            text.begin(name, help: help, type: type)
            text.add(name, value: value)
        }
        write(
            "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", type: "counter", cpuSeconds
        )
        write("process_resident_memory_bytes", "Resident memory size in bytes.", residentBytes)
        write("process_virtual_memory_bytes", "Virtual memory size in bytes.", virtualBytes)
        write("process_open_fds", "Number of open file descriptors.", openDescriptors)
        write("process_max_fds", "Maximum number of open file descriptors.", maxDescriptors)
        write("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", startTime)
    }

    private static func read(_ path: String) -> String? {
        FileContent.read(path, limit: 64 * 1024).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func countDescriptors() -> Int {
        guard let folder = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while let entry = readdir(folder) {
            // All names are numbers except `.` and `..`. The descriptor of this folder is subtracted below.
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        return count - 1
    }
}

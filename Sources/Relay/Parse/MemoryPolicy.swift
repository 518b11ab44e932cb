import CSimdjson

/// How the program's allocator treats large buffers.
enum MemoryPolicy {
    /// Maps buffers of 256 KiB and more one by one, so that they go back to the system when they are freed. glibc would
    /// raise that bound to 32 MiB with the first such buffer that is freed, and keep what is below it.
    ///
    /// Called once, before there are threads.
    static func apply() {
        webhook_memory_map_from(256 * 1024)
    }
}

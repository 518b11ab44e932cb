import Testing

@testable import Relay

@Suite struct CodePagesTests {
    @Test func findsTheCodeOfAFile() throws {
        let range = CodePages.codeRange("7f10a000-7f10c000 r-xp 00002000 fe:00 1234   /usr/lib/libcurl.so.4.8.0\n")
        #expect(try #require(range) == (start: 0x7f10_a000, end: 0x7f10_c000))
    }

    @Test(arguments: [
        "7f10a000-7f10c000 r--p 00002000 fe:00 1234   /usr/lib/libcurl.so.4.8.0\n",
        "7f10a000-7f10c000 rwxp 00002000 fe:00 1234   /usr/lib/libcurl.so.4.8.0\n",
        "7f10a000-7f10c000 r-xp 00000000 00:00 0      [vdso]\n",
        "7f10a000-7f10c000 r-xp 00000000 00:00 0 \n",
        "7f10c000-7f10a000 r-xp 00002000 fe:00 1234   /usr/lib/libcurl.so.4.8.0\n",
        "\n",
    ])
    func ignoresOtherMappings(line: String) {
        #expect(CodePages.codeRange(line) == nil)
    }

    @Test func codeStillRunsAfterItsPagesAreDropped() {
        CodePages.release()
        #expect("done".uppercased() == "DONE")
    }
}

/// An emoticon that Rocket.Chat replaces by emoji.
package enum Emoticon {
    /// All emoticons of all clients.
    package static let all: [String] = Emoticons.all.map { String(decoding: $0.text, as: UTF16.self) }
}

/// The emoticons that Rocket.Chat replaces by emoji.
enum Emoticons {
    /// In the order in which the message parser tries them, with the emoji that replaces them.
    static let all: [(text: [UInt16], emoji: String)] = source.split(separator: "\n").flatMap { line in
        let words = line.split(separator: " ")
        return words.dropFirst().map { (Array($0.utf16), String(words[0])) }
    }

    /// By the first character, so that a text's other characters need one look-up.
    static let byStart = Dictionary(grouping: all) { $0.text[0] }

    private static let source = #"""
        ❤ <3
        💔 </3
        😃 :D :-D =D
        😆 >:) >;) >:-) >=)
        😅 ':) ':-) '=) ':D ':-D '=D
        😂 :') :'-)
        😇 O:-) 0:-3 0:3 0:-) 0:) 0;^) O:) O;-) O=) 0;-) O:-3 O:3
        🙂 :) :-) =] =) :]
        😉 ;) ;-) *-) *) ;-] ;] ;D ;^)
        😘 :* :-* =* :^*
        😛 :P :-P =P :-Þ :Þ :-b :b
        😜 >:P X-P
        😎 B-) B) 8) 8-) B-D 8-D
        😞 >:[ :-( :( :-[ :[ =(
        😕 >:\ >:/ :-/ :-. :/ :\ =/ =\ :L =L
        😣 >.<
        😢 :'( :'-( ;( ;-(
        😠 >:( >:-( :@
        😳 :$ =$
        😨 D:
        😓 ':( ':-( '=(
        😶 :-X :X :-# :# =X =#
        😑 -_- -__- -___-
        😮 :-O :O O_O >:O
        😵 #-) #) %-) %) X) X-)
        👍 (y)
        🙆 *\0/* \0/ *\O/* \O/
        """#
}

/// Emoji by the names that alerts and dashboards use. Other names are shown as they are written.
enum EmojiTable {
    /// The character of a short name with its colons, or of an emoticon; nil if it is unknown.
    static func character(for source: String) -> String? {
        if source.hasPrefix(":"), source.hasSuffix(":"), source.utf8.count > 2 {
            return names[String(source.dropFirst().dropLast())]
        }
        return emoticons[source]
    }

    private static let emoticons = Dictionary(
        Emoticons.all.map { (String(decoding: $0.text, as: UTF16.self), $0.emoji) },
        uniquingKeysWith: { first, _ in first })

    private static let names = Dictionary(
        source.split(separator: "\n").flatMap { line in
            let words = line.split(separator: " ").map(String.init)
            return words.dropFirst().map { ($0, words[0]) }
        }, uniquingKeysWith: { first, _ in first })

    private static let source = """
        🔥 fire flame
        ⚠️ warning
        ℹ️ information_source
        ✅ white_check_mark
        ☑️ ballot_box_with_check
        ✔️ heavy_check_mark
        ❌ x
        ❗ exclamation heavy_exclamation_mark
        ❓ question
        ‼️ bangbang
        🚨 rotating_light
        🔔 bell
        🔕 no_bell
        🔇 mute
        ⛔ no_entry
        🚫 no_entry_sign
        🛑 octagonal_sign stop_sign
        🔴 red_circle
        🟠 orange_circle
        🟡 yellow_circle
        🟢 green_circle
        🔵 blue_circle large_blue_circle
        ⚪ white_circle
        ⚫ black_circle
        📢 loudspeaker
        📣 mega
        📈 chart_with_upwards_trend
        📉 chart_with_downwards_trend
        📊 bar_chart
        🕐 clock1
        ⏰ alarm_clock
        ⏳ hourglass_flowing_sand
        ⌛ hourglass
        🔧 wrench
        🔨 hammer
        ⚙️ gear
        🐛 bug
        🚀 rocket
        ⚡ zap
        💥 boom
        💀 skull
        💔 broken_heart
        ❤️ heart
        👍 thumbsup +1
        👎 thumbsdown -1
        💯 100
        🔢 1234
        👀 eyes
        🎉 tada
        🙂 slight_smile slightly_smiling_face
        😄 smile
        😞 disappointed
        😕 confused
        🤖 robot robot_face
        📌 pushpin
        🔗 link
        📝 memo pencil
        📄 page_facing_up
        🔒 lock
        🔑 key
        💾 floppy_disk
        🖥️ desktop desktop_computer
        🌐 globe_with_meridians
        💬 speech_balloon
        """
}

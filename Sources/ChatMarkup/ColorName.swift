/// Names of hexadecimal CSS colors, for a terminal.
package enum ColorName {
    package static func of(_ color: String) -> String {
        guard color.utf8.count == 7, color.hasPrefix("#"), let value = Int(color.dropFirst(), radix: 16) else {
            return color
        }
        let (red, green, blue) = (value >> 16 & 255, value >> 8 & 255, value & 255)
        let high = max(red, green, blue)
        let spread = high - min(red, green, blue)
        if spread < 32 { return high > 200 ? "white" : high < 64 ? "black" : "grey" }
        return name(hue: hue(red, green, blue, high, spread))
    }

    /// Degrees on the color wheel.
    private static func hue(_ red: Int, _ green: Int, _ blue: Int, _ high: Int, _ spread: Int) -> Int {
        let hue =
            high == red
            ? (green - blue) * 60 / spread
            : high == green ? 120 + (blue - red) * 60 / spread : 240 + (red - green) * 60 / spread
        return (hue + 360) % 360
    }

    private static func name(hue: Int) -> String {
        switch hue {
        case ..<16, 345...: "red"
        case ..<45: "orange"
        case ..<70: "yellow"
        case ..<170: "green"
        case ..<260: "blue"
        default: "purple"
        }
    }
}

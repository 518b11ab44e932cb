/// Rocket.Chat's message ids: 17 characters of Meteor's alphabet, which omits similar characters.
enum MessageID {
    private static let alphabet = Array("23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz")

    static func random() -> String {
        String((0..<17).map { _ in alphabet[Int.random(in: alphabet.indices)] })
    }
}

import Testing

@testable import Relay

@Suite struct BasicCredentialsTests {
    @Test(arguments: [
        // RFC 7617 sections 2 and 2.1.
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"),
        ("Basic dGVzdDoxMjPCow==", "test", "123£"),
        ("basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"),
        ("BASIC   QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"),
        ("Basic YTpiOmM6", "a", "b:c:"),
        ("Basic Ojo=", "", ":"),
        ("Basic OmI=", "", "b"),
    ])
    func credentialsAreRead(field: String, user: String, password: String) throws {
        let credentials = try #require(BasicCredentials(authorization: field))
        #expect(credentials.user == Array(user.utf8))
        #expect(credentials.password == Array(password.utf8))
    }

    @Test(arguments: [
        nil, "", "Basic", "Basic ", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\n",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ== ", "Basic QWxhZGRpbjp=cGVuIHNlc2FtZQ==", "Basic YTpi-_==", "Basic ====",
        "Basic =",
        "Basic YWJj",  // abc: no colon
        "Basic YTo=",  // a: and an empty password
        "Basic YTpiAA==",  // a NUL after the password
        "Basic YTpiAGM=",  // a NUL in the password
        "Basic YQA6Yg==",  // a NUL in the user
        "Basic YTpiCg==", "Basic YTp/",  // a line feed, a DEL
    ])
    func invalidFieldsAreRefused(field: String?) {
        #expect(BasicCredentials(authorization: field) == nil)
    }

    @Test func nonUTF8PasswordIsKeptAsBytes() throws {
        // a:ä in ISO 8859-1
        #expect(try #require(BasicCredentials(authorization: "Basic YTrk")).password == [0xE4])
    }

    @Test func credentialsPrintAsASecret() throws {
        let credentials = try #require(BasicCredentials(authorization: "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="))
        #expect("\(credentials)" == "<secret>")
        #expect(String(reflecting: credentials) == "<secret>")
        var dumped = ""
        dump(credentials, to: &dumped)
        #expect(!dumped.contains("115"))
    }

    // RFC 4648 section 10.
    @Test(arguments: [
        ("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmE=", "fooba"),
        ("Zm9vYmFy", "foobar"),
    ])
    func base64IsDecoded(text: String, decoded: String) {
        #expect(Base64.decode(Array(text.utf8)[...]) == Array(decoded.utf8))
    }

    @Test(arguments: [" Zm9v", "Zm9v ", "Zm 9v", "Zm9v\n", "Z===", "=m9v", "Zg=v", "Zg==Zg==", "Zm9", "Zm9v-", "Zm9-"])
    func invalidBase64IsRefused(text: String) {
        #expect(Base64.decode(Array(text.utf8)[...]) == nil)
    }
}

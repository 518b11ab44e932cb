import Testing

@testable import Relay
@testable import Support

@Suite struct BearerAuthenticationTests {
    private let authentication = BearerAuthentication(tokens: [Secret("old"), Secret("brand-new")])

    @Test(arguments: ["Bearer old", "Bearer brand-new", "bearer old", "BEARER brand-new", "Bearer   old"])
    func anyOfTheTokensIsAdmitted(field: String) {
        #expect(authentication.admits(authorization: field))
    }

    @Test(arguments: [
        nil, "", "old", "Bearer", "Bearer ", "Bearer ol", "Bearer oldx", "Bearer old ", "Basic old", "Bearer OLD",
    ])
    func otherFieldsAreRefused(field: String?) {
        #expect(!authentication.admits(authorization: field))
    }

    @Test func withoutTokensEveryoneIsAdmitted() {
        #expect(BearerAuthentication(tokens: []).admits(authorization: nil))
    }
}

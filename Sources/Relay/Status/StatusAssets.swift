import ChatMarkup

/// The files and header fields of the status page.
enum StatusAssets {
    /// No script, style or image comes from elsewhere or is part of the page, and no other site may show it in a frame.
    /// The referrer stays on the site: without any, browsers would send forms with the origin `null`.
    static let headers: [HTTPResponse.Header] = [
        (
            "Content-Security-Policy",
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
                + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        ("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"), ("Cache-Control", "no-store"),
    ]

    static let style = file(ChatStyle.css + "\n" + StatusStyle.css, "text/css; charset=utf-8")
    static let script = file(code, "text/javascript; charset=utf-8")

    private static func file(_ text: String, _ type: String) -> HTTPResponse {
        HTTPResponse(status: 200, headers: [("Content-Type", type)] + headers, body: Array(text.utf8))
    }

    /// Replaces the parts of the page that change, every ten seconds while the page is visible. A part in use stays.
    private static let code = """
        'use strict';
        const INTERVAL = 10000;
        // The address of a page can hold a password, with which no request is allowed.
        const address = location.origin + location.pathname + location.search;
        const note = text => { document.getElementById('refresh').textContent = text; };
        const isInUse = part => part.contains(document.activeElement) || part.querySelector('details[open]') !== null
          || (getSelection().type === 'Range' && getSelection().containsNode(part, true));

        function update(fresh) {
          for (const part of document.querySelectorAll('[data-live]')) {
            const next = fresh.getElementById(part.id);
            // A parsed document runs no scripts, and the server has escaped all text.
            if (next && !isInUse(part)) part.replaceWith(document.adoptNode(next));
          }
          document.title = fresh.title;
        }

        async function refresh() {
          if (document.visibilityState === 'visible') {
            try {
              const response = await fetch(address, { cache: 'no-store' });
              if (response.ok) {
                update(new DOMParser().parseFromString(await response.text(), 'text/html'));
                note('Refreshes every 10 s.');
              } else {
                note(`The relay answered ${response.status}; this page may be outdated.`);
              }
            } catch { note('The relay does not answer; this page may be outdated.'); }
          }
          setTimeout(refresh, INTERVAL);
        }
        note('Refreshes every 10 s.');
        setTimeout(refresh, INTERVAL);

        """
}

extension HTTPResponse {
    /// A page of the relay's own.
    static func page(_ html: String) -> HTTPResponse {
        HTTPResponse(
            status: 200, headers: [("Content-Type", "text/html; charset=utf-8")] + StatusAssets.headers,
            body: Array(html.utf8))
    }

    static func statusJSON(_ body: [UInt8]) -> HTTPResponse {
        HTTPResponse(
            status: 200, headers: [("Content-Type", "application/json; charset=utf-8")] + StatusAssets.headers,
            body: body)
    }
}

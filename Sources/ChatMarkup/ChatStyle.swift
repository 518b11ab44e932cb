/// The style of drawn messages, similar to Rocket.Chat's light and dark themes.
package enum ChatStyle {
    /// Colors, fonts and everything within a message.
    package static let css = """
        :root { color-scheme: light dark; --text: #2f343d; --muted: #6c727a; --surface: #fff; --hover: #f7f8fa;
          --line: #cbced1; --soft: #e4e7ea; --link: #095ad2; --code: #9b1325; --mention: #ffe8b0; --on-mention: #6b4c00;
          --alert: #d40c26; --accent: #1d74f5; --bar: #2f343d; --on-bar: #fff; --bar-text: #cbced1; --bar-line: #6c727a;
          --bar-active: #1f2329; }
        @media (prefers-color-scheme: dark) {
          :root { --text: #e4e7ea; --muted: #9ea2a8; --surface: #1f2329; --hover: #262a31; --line: #404754;
            --soft: #333842; --link: #739ef5; --code: #f38d93; --mention: #5d4200; --on-mention: #ffe8b0;
            --alert: #e5293f; --accent: #1d74f5; --bar: #17191d; --bar-active: #2f343d; }
        }
        * { box-sizing: border-box; }
        body { margin: 0; color: var(--text); background: var(--surface);
          font: 14px/20px Inter, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
        a { color: var(--link); text-decoration: none; }
        a:hover { text-decoration: underline; }
        .message { display: flex; gap: 10px; padding: 6px 24px; }
        .message:hover { background: var(--hover); }
        .message.hidden { opacity: .5; }
        .avatar { flex: none; width: 36px; height: 36px; border-radius: 4px; background: var(--accent); color: #fff;
          font-weight: 600; font-size: 18px; line-height: 36px; text-align: center; }
        .avatar.emoji { background: none; font-size: 28px; }
        .content { min-width: 0; flex: 1; }
        .alias { font-weight: 700; }
        .bot { border-radius: 3px; background: var(--soft); color: var(--muted); font-size: 11px; padding: 0 5px;
          margin-left: 6px; }
        .head time { color: var(--muted); font-size: 12px; margin-left: 8px; }
        .text { overflow-wrap: anywhere; }
        .text p { margin: 0; white-space: pre-wrap; }
        .text p + p.heading { margin-top: 6px; }
        .heading { font-weight: 700; }
        .h1 { font-size: 22px; line-height: 28px; }
        .h2 { font-size: 18px; line-height: 24px; }
        .h3 { font-size: 16px; }
        .big { font-size: 40px; line-height: 48px; }
        .text blockquote { border-left: 4px solid var(--line); margin: 6px 0; padding: 2px 0 2px 12px; }
        .text ul, .text ol { margin: 4px 0; padding-left: 24px; }
        .text .task { list-style: none; margin-left: -20px; }
        .text hr { border: 0; border-top: 1px solid var(--line); margin: 8px 0; }
        .text table { border-collapse: collapse; display: block; overflow-x: auto; margin: 6px 0; }
        th, td { border: 1px solid var(--line); padding: 2px 8px; text-align: left; }
        code, pre { font: 12px/18px "Liberation Mono", Menlo, Consolas, monospace; background: var(--hover);
          border: 1px solid var(--soft); border-radius: 4px; }
        code { padding: 1px 4px; color: var(--code); }
        pre { padding: 8px; margin: 6px 0; overflow-x: auto; }
        pre code { padding: 0; border: 0; background: none; color: inherit; }
        .mention { background: var(--mention); color: var(--on-mention); border-radius: 4px; padding: 0 4px;
          font-weight: 600; }
        .everyone { background: var(--alert); color: #fff; }
        .math { background: var(--soft); font-family: serif; font-style: italic; padding: 0 3px; }
        .spoiler { filter: blur(5px); }
        .spoiler:hover, .spoiler:focus { filter: none; }
        .swatch { display: inline-block; width: 12px; height: 12px; border-radius: 2px; margin-right: 4px;
          border: 1px solid var(--line); }
        .attachment { position: relative; border-left: 4px solid var(--line); border-radius: 2px;
          padding: 2px 0 2px 12px; margin: 6px 0; max-width: 720px; }
        .edge { position: absolute; left: -4px; top: 0; width: 4px; height: 100%; border-radius: 2px 0 0 2px; }
        .attachment .author { color: var(--muted); font-weight: 600; }
        .attachment .title { font-weight: 700; overflow-wrap: anywhere; cursor: pointer; }
        .fields { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 16px; margin-top: 8px; }
        .field { grid-column: span 2; min-width: 0; overflow-wrap: anywhere; }
        .field.short { grid-column: span 1; }
        .buttons { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px; }
        .buttons a, .buttons .link, .buttons button { border-radius: 4px; background: var(--soft); color: var(--text);
          padding: 4px 12px; font-weight: 600; }
        .buttons button { border: 0; font: inherit; font-weight: 600; text-align: left; cursor: pointer; }
        .empty { color: var(--muted); }
        @media (max-width: 500px) {
          .message { padding: 6px 12px; gap: 8px; }
          .fields { gap: 8px; }
        }
        """

    /// The rest of a page that only lists messages.
    static let document = """
        main { max-width: 860px; margin: 0 auto; padding: 12px 0 32px; }
        h2 { font-size: 16px; line-height: 24px; margin: 0; padding: 14px 24px; border-bottom: 1px solid var(--line); }
        @media (max-width: 500px) { h2 { padding: 14px 12px; } }
        """
}

/// The page's style sheet, similar to Rocket.Chat's light theme.
enum PageStyle {
    static let css = """
        * { box-sizing: border-box; }
        body { margin: 0; display: flex; height: 100vh; color: #2f343d; background: #fff;
          font: 14px/20px Inter, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
        nav { width: 260px; flex: none; background: #2f343d; color: #cbced1; padding: 16px 0; display: flex;
          flex-direction: column; }
        nav h1 { font-size: 15px; color: #fff; margin: 0 16px 12px; }
        nav ul { list-style: none; margin: 0; padding: 0; overflow-y: auto; }
        nav li button { width: 100%; border: 0; background: none; color: inherit; font: inherit; text-align: left;
          padding: 6px 16px; cursor: pointer; display: flex; justify-content: space-between; }
        nav li button:hover { background: #3b414b; }
        nav li button[aria-current=true] { background: #1f2329; color: #fff; font-weight: 600; }
        nav .badge { background: #156ff5; color: #fff; border-radius: 9px; padding: 0 7px; font-size: 12px; line-height: 18px;
          height: 18px; font-weight: 600; }
        #counts { margin: auto 16px 12px; font-size: 12px; line-height: 18px; color: #9ea2a8; white-space: pre-line; }
        #clear { margin: 0 16px; border: 1px solid #6c727a; border-radius: 4px; background: none; color: #cbced1;
          font: inherit; font-size: 12px; padding: 4px; cursor: pointer; }
        main { flex: 1; min-width: 0; display: flex; flex-direction: column; }
        header { border-bottom: 1px solid #cbced1; padding: 14px 24px; font-size: 16px; font-weight: 700; }
        #messages { flex: 1; overflow-y: auto; padding: 12px 0 24px; }
        .empty { color: #6c727a; text-align: center; margin-top: 80px; }
        article { display: flex; gap: 10px; padding: 6px 24px; }
        article:hover { background: #f7f8fa; }
        article.hidden { opacity: .5; }
        .avatar { flex: none; width: 36px; height: 36px; border-radius: 4px; background: #1d74f5; color: #fff;
          font-weight: 600; font-size: 18px; line-height: 36px; text-align: center; }
        .content { min-width: 0; flex: 1; }
        .alias { font-weight: 700; }
        .bot { border-radius: 3px; background: #e4e7ea; color: #6c727a; font-size: 11px; padding: 0 5px; margin-left: 6px; }
        time { color: #6c727a; font-size: 12px; margin-left: 8px; }
        .text { white-space: pre-wrap; overflow-wrap: anywhere; }
        .text h2 { font-size: 17px; margin: 6px 0; }
        .text blockquote, .attachment { border-left: 4px solid #cbced1; border-radius: 2px; padding: 2px 0 2px 12px;
          margin: 6px 0; }
        .attachment { max-width: 720px; }
        .attachment .title { font-weight: 700; overflow-wrap: anywhere; }
        .attachment details > summary { cursor: pointer; list-style-position: inside; }
        .fields { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 16px; margin-top: 8px; }
        .fields div { grid-column: span 2; min-width: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
        .fields .short { grid-column: span 1; }
        .fields b { display: block; }
        a { color: #156ff5; text-decoration: none; }
        a:hover { text-decoration: underline; }
        code, pre { font: 12px/18px "Liberation Mono", Menlo, Consolas, monospace; background: #f7f8fa;
          border: 1px solid #e4e7ea; border-radius: 4px; color: #bb0b21; }
        code { padding: 1px 4px; }
        pre { padding: 8px; margin: 6px 0; color: inherit; overflow-x: auto; }
        .mention { background: #ffe8b0; border-radius: 4px; padding: 0 4px; font-weight: 600; }
        .everyone { background: #f5455c; color: #fff; }
        .math { background: #f3e8ff; font-family: serif; font-style: italic; padding: 0 3px; }
        """
}

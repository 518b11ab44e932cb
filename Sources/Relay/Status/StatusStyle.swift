/// The style of the status page around the messages. `ChatStyle` has the colors of both themes.
enum StatusStyle {
    static let css = """
        :root { --good: #1b7a3d; --on-good: #fff; --busy: #8a5a00; --on-busy: #fff; --bad: #c0182c; --on-bad: #fff;
          --accepted: #1d74f5; --posts: #1b7a3d; --folded: #9b6a00; }
        @media (prefers-color-scheme: dark) {
          :root { --good: #2f9e57; --on-good: #04150a; --busy: #d9a441; --on-busy: #1d1400; --bad: #ff6b7a;
            --on-bad: #24050a; --accepted: #739ef5; --posts: #4cc27a; --folded: #d9a441; }
        }
        .status { padding: 0 16px 32px; }
        .status main, .status .top, .status footer { max-width: 1120px; margin: 0 auto; }
        .top { display: flex; align-items: baseline; gap: 12px; padding: 16px 0 8px; }
        .status h1 { font-size: 20px; line-height: 28px; margin: 0; }
        .status h2 { font-size: 16px; line-height: 24px; margin: 28px 0 8px; }
        .status h3 { font-size: 14px; line-height: 20px; margin: 12px 0 4px; }
        .status p { margin: 4px 0; overflow-wrap: anywhere; }
        .status a { text-decoration: underline; }
        .quiet { color: var(--muted); font-weight: 400; font-size: 13px; overflow-wrap: anywhere; }
        .headline { border-left: 6px solid var(--good); background: var(--hover); border-radius: 4px;
          padding: 12px 16px; margin-top: 8px; }
        .headline.busy { border-color: var(--busy); }
        .headline.bad { border-color: var(--bad); }
        .headline .sentence { font-size: 20px; line-height: 28px; font-weight: 600; }
        .notice { border: 1px solid var(--good); border-radius: 4px; padding: 8px 12px; }
        .problem { border: 1px solid var(--bad); border-radius: 4px; padding: 8px 12px; }
        .badge { display: inline-block; border-radius: 4px; padding: 0 7px; font-size: 12px; line-height: 20px;
          font-weight: 600; background: var(--soft); color: var(--text); white-space: nowrap; }
        .badge.good { background: var(--good); color: var(--on-good); }
        .badge.busy { background: var(--busy); color: var(--on-busy); }
        .badge.bad { background: var(--bad); color: var(--on-bad); }
        .list { width: 100%; border-collapse: collapse; }
        .list th, .list td { border: 0; border-bottom: 1px solid var(--soft); padding: 8px 8px 8px 0;
          vertical-align: top; overflow-wrap: anywhere; }
        .list thead th { color: var(--muted); font-size: 12px; line-height: 16px; font-weight: 600; }
        .list tr:has(+ .note) > * { border-bottom: 0; padding-bottom: 2px; }
        .list .note td { padding-top: 2px; color: var(--muted); }
        .charts { display: grid; grid-template-columns: repeat(3, 1fr); gap: 16px; }
        .charts figure { margin: 0; min-width: 0; }
        .charts figcaption { font-size: 13px; }
        .chart { width: 100%; height: 48px; display: block; }
        .chart .ground { fill: var(--hover); }
        .chart.accepted { fill: var(--accepted); }
        .chart.posts { fill: var(--posts); }
        .chart.folded { fill: var(--folded); }
        .axis { display: flex; justify-content: space-between; color: var(--muted); font-size: 12px; }
        .cards { list-style: none; margin: 0; padding: 0; }
        .cards > li { border: 1px solid var(--soft); border-radius: 4px; padding: 8px 12px; margin: 8px 0; }
        .actions { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 12px; margin-top: 8px; }
        .actions summary { cursor: pointer; padding: 6px 4px; }
        .status button { font: inherit; font-weight: 600; color: #fff; background: #095ad2; border: 1px solid transparent;
          border-radius: 4px; padding: 6px 14px; cursor: pointer; }
        .status button.danger { background: #b3152a; }
        .status input, .status select, .status textarea { font: inherit; color: var(--text); background: var(--surface);
          border: 1px solid var(--muted); border-radius: 4px; padding: 5px 8px; }
        .status :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
        .search { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: end; margin-bottom: 8px; }
        .search label { display: flex; flex-direction: column; font-size: 12px; line-height: 18px; color: var(--muted); }
        .search input { width: 120px; }
        .search input[name=q] { width: 240px; max-width: 100%; }
        .preview textarea { display: block; width: 100%; margin: 6px 0; font: 12px/18px monospace; resize: vertical; }
        .status .message { padding: 6px 0; }
        .status .message:hover { background: none; }
        .status footer { margin-top: 32px; color: var(--muted); font-size: 13px; }
        @media (max-width: 720px) {
          .status { padding: 0 12px 24px; }
          .charts { grid-template-columns: 1fr; }
          .list thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
          .list, .list tbody, .list tr, .list th, .list td { display: block; }
          .list tr { border-bottom: 1px solid var(--soft); padding: 8px 0; }
          .list tr:has(+ .note) { border-bottom: 0; padding-bottom: 0; }
          .list th, .list td { border: 0; padding: 2px 0; }
          .list td[data-label] { display: grid; grid-template-columns: 112px 1fr; }
          .list td[data-label]::before { content: attr(data-label); color: var(--muted); }
          .search label, .search input, .search input[name=q], .search select { width: 100%; }
        }
        """
}

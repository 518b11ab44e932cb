/// The style of the page around the messages: the rooms, and the list that scrolls. `ChatStyle` has the colors.
enum PageStyle {
    static let css = """
        body { display: flex; height: 100vh; }
        nav { width: 260px; flex: none; background: var(--bar); color: var(--bar-text); padding: 16px 0; display: flex;
          flex-direction: column; }
        nav h1 { font-size: 15px; color: var(--on-bar); margin: 0 16px 12px; }
        nav ul { list-style: none; margin: 0; padding: 0; overflow-y: auto; }
        nav li button { width: 100%; border: 0; background: none; color: inherit; font: inherit; text-align: left;
          padding: 6px 16px; cursor: pointer; display: flex; justify-content: space-between; gap: 8px; }
        nav li button:hover { background: var(--bar-active); }
        nav li button[aria-current=true] { background: var(--bar-active); color: var(--on-bar); font-weight: 600; }
        nav .badge { background: var(--accent); color: #fff; border-radius: 9px; padding: 0 7px; font-size: 12px;
          line-height: 18px; height: 18px; font-weight: 600; }
        #counts { margin: auto 16px 12px; font-size: 12px; line-height: 18px; white-space: pre-line; }
        #clear { margin: 0 16px; border: 1px solid var(--bar-line); border-radius: 4px; background: none;
          color: var(--bar-text); font: inherit; font-size: 12px; padding: 4px; cursor: pointer; }
        main { flex: 1; min-width: 0; min-height: 0; display: flex; flex-direction: column; }
        header { border-bottom: 1px solid var(--line); padding: 14px 24px; font-size: 16px; font-weight: 700; }
        #messages { flex: 1; overflow-y: auto; padding: 12px 0 24px; }
        #typing { padding: 8px 24px 16px; }
        #line { width: 100%; box-sizing: border-box; border: 1px solid var(--line); border-radius: 4px; padding: 8px 12px;
          font: inherit; background: none; color: inherit; }
        #messages > .empty { text-align: center; margin-top: 80px; }
        @media (max-width: 700px) {
          body { flex-direction: column; }
          nav { width: auto; padding: 8px 0; flex-flow: row wrap; align-items: center; }
          nav h1, #counts { margin: 0 12px; }
          nav ul { display: flex; order: 1; width: 100%; overflow-x: auto; margin-top: 6px; }
          nav li button { padding: 6px 12px; white-space: nowrap; }
          #counts { flex: 1; line-height: 16px; }
          #clear { margin: 0 12px; }
          header { padding: 10px 12px; }
        }
        """
}

/// The page's script. It adds text nodes only, so that posted text never becomes HTML.
enum PageScript {
    static let code = #"""
        'use strict';
        const KEPT = 300, rooms = new Map(), byID = id => document.getElementById(id);
        let current = location.hash.slice(1), last = 0, generation = null;

        function element(name, className, text) {
          const node = document.createElement(name);
          if (className) node.className = className;
          if (text !== undefined) node.textContent = text;
          return node;
        }
        function link(url, label) {
          const node = element('a', '', label);
          if (/^(https?:\/\/|\/)/i.test(url)) { node.href = url; node.target = '_blank'; node.rel = 'noopener noreferrer'; }
          return node;
        }

        // The dialect of docs/rocketchat.md section 3.7 A, as far as a reader can see it.
        const EMOJI = { fire: '🔥', warning: '⚠️', information_source: 'ℹ️', white_check_mark: '✅', rotating_light: '🚨',
          bell: '🔔', no_entry: '⛔', red_circle: '🔴', large_blue_circle: '🔵', heavy_check_mark: '✔️', mute: '🔇' };
        const emojiName = text => text.replace(/:([a-z0-9_+-]+):/g, (all, name) => EMOJI[name] || all);
        const INLINE = new RegExp([
          '`(?<code>[^`\\n]+)`',
          '\\[(?<label>[\\s\\S]+?)\\]\\((?<url>(?:https?:\\/\\/|mailto:)[^\\s|()]*(?:\\([^\\s|()]*\\)[^\\s|()]*)*)\\)',
          '<(?<slackURL>https?:\\/\\/[^|>\\s]+)\\|(?<slackLabel>[^<>|]+)>',
          '\\\\\\((?<math>[\\s\\S]+?)\\\\\\)', '\\\\\\[(?<display>[\\s\\S]+?)\\\\\\]',
          '\\\\(?<escaped>[*_~`#.])',
          '(?<stars>\\*{1,2})(?!\\s)(?<bold>[^*\\n]+?)\\k<stars>',
          '(?<![A-Za-z0-9])(?<bars>_{1,2})(?!\\s)(?<italic>[^_\\n]+?)\\k<bars>(?![A-Za-z0-9])',
          '(?<waves>~{1,2})(?!\\s)(?<strike>[^~\\n]+?)\\k<waves>',
          '(?<bare>https?:\\/\\/[^\\s<>()]*[^\\s<>().,:;!?])',
          '(?<![A-Za-z0-9._-])@(?<mention>[A-Za-z0-9._-]+)',
        ].join('|'), 'g');

        function inline(text, parent) {
          let from = 0;
          for (const match of text.matchAll(INLINE)) {
            parent.append(emojiName(text.slice(from, match.index)));
            from = match.index + match[0].length;
            const g = match.groups;
            if (g.code) parent.append(element('code', '', g.code));
            else if (g.label) parent.append(link(g.url, g.label));
            else if (g.slackURL) parent.append(link(g.slackURL, g.slackLabel));
            else if (g.math || g.display) parent.append(element('span', 'math', g.math || g.display));
            else if (g.escaped) parent.append(g.escaped);
            else if (g.bold) parent.append(nested('strong', g.bold));
            else if (g.italic) parent.append(nested('em', g.italic));
            else if (g.strike) parent.append(nested('s', g.strike));
            else if (g.bare) parent.append(link(g.bare, g.bare));
            else parent.append(element('span',
              /^(all|here)$/.test(g.mention) ? 'mention everyone' : 'mention', '@' + g.mention));
          }
          parent.append(emojiName(text.slice(from)));
        }
        function nested(name, text) {
          const node = element(name);
          inline(text, node);
          return node;
        }
        function block(text) {
          const box = element('div', 'text');
          const parts = text.split(/^```[A-Za-z0-9 _.-]*\n([\s\S]*?)\n```$\n?/m);
          parts.forEach((part, index) => index % 2 ? box.append(element('pre', '', part)) : paragraphs(part, box));
          return box;
        }
        function paragraphs(text, box) {
          let plain = [];
          const flush = () => { if (plain.length) inline(plain.join('\n'), box); plain = []; };
          for (const line of text.split('\n')) {
            const heading = /^#{1,4} +(.+)/.exec(line), quote = /^> ?(.*)/.exec(line);
            if (heading) { flush(); box.append(nested('h2', heading[1])); }
            else if (quote) { flush(); box.append(nested('blockquote', quote[1])); }
            else plain.push(line.replace(/^[-*] /, '• '));
          }
          flush();
        }

        function attachment(item) {
          const box = element('div', 'attachment');
          if (CSS.supports('color', item.color || '')) box.style.borderLeftColor = item.color;
          if (item.author_name) box.append(element('div', 'author', item.author_name));
          if (item.pretext) box.append(block(item.pretext));
          const title = element(item.collapsed ? 'summary' : 'div', 'title');
          if (item.title) title.append(item.title_link ? link(item.title_link, item.title) : item.title);
          const body = item.collapsed ? element('details') : box;
          if (body !== box) box.append(body);
          if (item.title || item.collapsed) body.append(title);
          if (item.text) body.append(block(item.text));
          if (Array.isArray(item.fields) && item.fields.length) body.append(fields(item.fields));
          return box;
        }
        function fields(list) {
          const grid = element('div', 'fields');
          for (const field of list) {
            const cell = element('div', field.short ? 'short' : '');
            cell.append(element('b', '', field.title));
            inline(String(field.value), cell);
            grid.append(cell);
          }
          return grid;
        }
        function message(entry) {
          const body = entry.body && typeof entry.body === 'object' ? entry.body : {};
          const alias = entry.alias || 'Alertmanager', box = element('article', entry.visible ? '' : 'hidden');
          const emoji = emojiName(entry.emoji || '');
          box.append(element('div', 'avatar', emoji && !emoji.startsWith(':') ? emoji : alias[0].toUpperCase()));
          const content = element('div', 'content'), head = element('div');
          const time = element('time', '', new Date(entry.receivedAt).toLocaleTimeString());
          time.title = new Date(entry.receivedAt).toISOString() + ' · #' + entry.seq + ' · answered ' + entry.answered;
          head.append(element('span', 'alias', alias), element('span', 'bot', 'Bot'), time);
          content.append(head);
          if (entry.text) content.append(block(entry.text));
          const items = Array.isArray(body.attachments) ? body.attachments : [];
          for (const item of items) if (item && !item.message_link) content.append(attachment(item));
          if (!entry.text && !items.length) content.append(element('div', 'empty', '(an empty message)'));
          box.append(content);
          return box;
        }

        function room(name) {
          if (!rooms.has(name)) {
            const item = element('li'), button = element('button'), badge = element('span', 'badge', '0');
            button.append(element('span', '', '# ' + name.replace(/^#/, '')), badge);
            button.onclick = () => show(name);
            item.append(button);
            rooms.set(name, { button, badge, item, entries: [], count: 0 });
            byID('rooms').replaceChildren(...[...rooms.keys()].sort().map(key => rooms.get(key).item));
          }
          return rooms.get(name);
        }
        function show(name) {
          current = name;
          location.hash = name;
          for (const [key, value] of rooms) value.button.setAttribute('aria-current', key === name);
          byID('room').textContent = name ? '# ' + name.replace(/^#/, '') : '';
          const list = byID('messages'), here = rooms.get(name);
          if (here) list.replaceChildren(...here.entries.map(message));
          else list.replaceChildren(element('p', 'empty', 'No message yet.'));
          list.scrollTop = list.scrollHeight;
        }
        function add(entry) {
          const here = room(entry.room);
          here.entries.push(entry);
          if (here.entries.length > KEPT) here.entries.shift();
          here.badge.textContent = ++here.count;
        }
        function forget(counts) {
          generation = counts.generation;
          last = 0;
          rooms.clear();
          byID('rooms').replaceChildren();
          show(current);
        }

        async function poll() {
          try {
            const counts = await (await fetch('messages/count')).json();
            if (counts.generation !== generation) forget(counts);
            byID('counts').textContent = `${counts.count} messages of ${counts.requests} requests\n`
              + `${counts.refused} answered 429, ${counts.failed} failed`;
            if (counts.count > last) {
              const list = await (await fetch(`messages?since=${last}&limit=1000`)).json();
              for (const entry of list) { add(entry); last = entry.seq; }
              if (list.length) show(rooms.has(current) ? current : [...rooms.keys()].sort()[0]);
            }
          } catch (error) { byID('counts').textContent = 'No answer from the mock.'; }
          setTimeout(poll, 1000);
        }
        byID('clear').onclick = () => fetch('messages', { method: 'DELETE' });
        poll();
        """#
}

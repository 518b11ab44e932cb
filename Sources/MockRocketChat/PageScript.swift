/// The page's script. The server draws the messages; the script sorts them into rooms and asks for new ones.
enum PageScript {
    static let code = #"""
        'use strict';
        const KEPT = 300, rooms = new Map(), byID = id => document.getElementById(id);
        let current = decodeURIComponent(location.hash.slice(1)), last = 0, generation = null;

        function element(name, className, text) {
          const node = document.createElement(name);
          if (className) node.className = className;
          if (text !== undefined) node.textContent = text;
          return node;
        }
        // A parsed document runs no scripts, and the server has escaped all text.
        function message(entry) {
          return document.adoptNode(new DOMParser().parseFromString(entry.html, 'text/html').body.firstElementChild);
        }
        const label = name => '# ' + name.replace(/^#/, '');

        function room(name) {
          if (!rooms.has(name)) {
            const item = element('li'), button = element('button'), badge = element('span', 'badge', '0');
            button.append(element('span', '', label(name)), badge);
            button.onclick = () => show(name);
            item.append(button);
            rooms.set(name, { button, badge, item, nodes: [], count: 0 });
            byID('rooms').replaceChildren(...[...rooms.keys()].sort().map(key => rooms.get(key).item));
          }
          return rooms.get(name);
        }
        function show(name) {
          current = name;
          location.hash = encodeURIComponent(name);
          for (const [key, value] of rooms) value.button.setAttribute('aria-current', key === name);
          byID('room').textContent = name ? label(name) : '';
          const list = byID('messages'), here = rooms.get(name);
          if (here) list.replaceChildren(...here.nodes);
          else list.replaceChildren(element('p', 'empty', 'No message yet.'));
          list.scrollTop = list.scrollHeight;
        }
        function add(entry) {
          const here = room(entry.room);
          here.nodes.push(message(entry));
          if (here.nodes.length > KEPT) here.nodes.shift();
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
              const list = await (await fetch(`messages?format=html&since=${last}&limit=1000`)).json();
              for (const entry of list) { add(entry); last = entry.seq; }
              if (list.length) show(rooms.has(current) ? current : [...rooms.keys()].sort()[0]);
            }
          } catch (error) { byID('counts').textContent = 'No answer from the mock.'; }
          setTimeout(poll, 1000);
        }
        // As the web client does: a button's command is a message of the person who presses it.
        function type(text) {
          if (current && text) fetch('type', { method: 'POST', body: JSON.stringify({ room: current, user: 'you', text }) });
        }
        byID('messages').onclick = event => {
          const button = event.target.closest('button[data-command]');
          if (button) type(button.dataset.command);
        };
        byID('typing').onsubmit = event => { event.preventDefault(); type(byID('line').value); byID('line').value = ''; };
        byID('clear').onclick = () => fetch('messages', { method: 'DELETE' });
        poll();
        """#
}

// Talk to the show over one websocket; open it again by itself.

const LONGEST_WAIT_MS = 4000;

export class Connection {
  // `heard` gets each JSON object, `seen` each preview (a Blob), `changed` whether it is open.
  constructor(heard, seen, changed) {
    Object.assign(this, { heard, seen, changed, wait: 250, tries: 0, pending: new Map(), shown: 0 });
    document.addEventListener("visibilitychange", () => this.watch());
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/remote/socket`);
    this.socket = socket;
    this.shown = 0;
    socket.onopen = () => {
      this.wait = 250;
      this.tries = 0;
      this.watch();
      this.changed(true, 0);
    };
    socket.onmessage = (event) => {
      if (typeof event.data === "string") this.heard(JSON.parse(event.data));
      else this.seen(event.data, () => this.say({ do: "seen", count: ++this.shown }, socket));
    };
    socket.onclose = () => {
      this.changed(false, ++this.tries);
      setTimeout(() => this.open(), this.wait);
      this.wait = Math.min(this.wait * 1.6, LONGEST_WAIT_MS);
    };
  }

  say(command, socket = this.socket) {
    if (socket === this.socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(command));
  }

  watch() {
    this.say({ do: "watch", wanted: !document.hidden });
  }

  // Send the latest of what a finger does to a control, at most 60 times a second.
  soon(command) {
    if (!this.pending.size) setTimeout(() => this.flush(), 16);
    this.pending.set(command.key, command);
  }

  flush() {
    for (const command of this.pending.values()) this.say(command);
    this.pending.clear();
  }

  set(key, value) {
    this.soon({ do: "set", key, value });
  }

  move(key, position) {
    this.soon({ do: "move", key, position });
  }

  fire(key) {
    this.flush();
    this.say({ do: "fire", key });
  }

  nudge(key, by) {
    this.flush();
    this.say({ do: "nudge", key, by });
  }

  edit(action, given) {
    this.say({ do: "edit", action, ...given });
  }
}

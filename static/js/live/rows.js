// The table of rows: a pool of as many elements as fit on the screen, moved and refilled; at most one change per frame.
// Text goes in through textContent. The view either follows the newest row or is held where the person looks.
import { clockMs, bytes } from "../lib/format.js";

const ROW_PX = 28;
const SPARE_ROWS = 4;

function element(tag, className, role) {
  const made = document.createElement(tag);
  made.className = className;
  if (role) made.setAttribute("role", role);
  return made;
}

/** One pooled row: its elements, and which row of the tail it shows. */
class Row {
  constructor(id) {
    this.root = element("div", "tr", "row");
    this.root.id = id;
    this.time = element("span", "t mono num", "gridcell");
    this.subject = element("span", "sub mono", "gridcell");
    this.path = element("em", "");
    this.last = element("b", "");
    this.badge = element("i", "badge");
    this.size = element("span", "sz num", "gridcell");
    this.payload = element("span", "p mono", "gridcell");
    this.gap = element("span", "gap-text", "gridcell");
    this.subject.append(this.path, this.last, this.badge);
    this.root.append(this.time, this.subject, this.size, this.payload, this.gap);
    this.index = -1;
  }

  show(row, first) {
    this.root.style.transform = `translateY(${(row.index - first) * ROW_PX}px)`;
    if (this.index === row.index) return;
    this.index = row.index;
    this.root.hidden = false;
    this.root.dataset.index = row.index;
    const isMarker = Boolean(row.marker);
    this.root.classList.toggle("marker", isMarker);
    this.gap.textContent = isMarker ? row.marker.text : "";
    if (isMarker) this.blank();
    else this.fill(row);
  }

  fill(row) {
    const dot = row.subject.lastIndexOf(".") + 1;
    this.time.textContent = clockMs(row.ms);
    this.path.textContent = row.subject.slice(0, dot);
    this.last.textContent = row.subject.slice(dot);
    this.badge.textContent = (row.replied ? " ↩" : "") + (row.headed ? " ≡" : "");
    this.size.textContent = bytes(row.size);
    this.payload.textContent = row.preview;
    this.payload.classList.toggle("binary", row.binary);
  }

  blank() {
    for (const part of [this.time, this.path, this.last, this.badge, this.size, this.payload]) part.textContent = "";
  }

  hide() {
    this.index = -1;
    this.root.hidden = true;
  }
}

/** `events`: ask(view), hold(next), select(index), reachedEnd(). */
export class RowView {
  constructor(scroller, body, events) {
    this.scroller = scroller;
    this.body = body;
    this.events = events;
    this.pool = [];
    this.following = true;
    this.first = 0;
    this.next = 0;
    this.selected = null;
    this.answer = null;
    this.frame = 0;
    this.scrollSet = 0; // where this class put the scroll: any other position came from the person
    this.asked = "";
    this.resizer = new ResizeObserver(() => this.ask(true));
    this.resizer.observe(scroller);
    this.listen();
    this.ask(true);
  }

  listen() {
    this.onScroll = () => this.scrolled();
    this.onWheel = (event) => event.deltaY < 0 && this.leaveEnd();
    this.onPointer = (event) => {
      const row = event.target.closest?.("[data-index]");
      if (row && event.button === 0) this.events.select(Number(row.dataset.index));
    };
    this.scroller.addEventListener("scroll", this.onScroll, { passive: true });
    this.scroller.addEventListener("wheel", this.onWheel, { passive: true });
    this.body.addEventListener("pointerdown", this.onPointer);
  }

  close() {
    this.resizer.disconnect();
    cancelAnimationFrame(this.frame);
    this.scroller.removeEventListener("scroll", this.onScroll);
    this.scroller.removeEventListener("wheel", this.onWheel);
    this.body.removeEventListener("pointerdown", this.onPointer);
  }

  get visibleRows() {
    return Math.max(1, Math.floor((this.scroller.clientHeight - this.body.offsetTop) / ROW_PX));
  }

  // Scrolling -----------------------------------------------------------------------------------------

  /** The person moved away from the newest row: hold what is there. */
  leaveEnd() {
    if (!this.following || this.scroller.scrollHeight <= this.scroller.clientHeight) return;
    this.events.hold(this.next);
  }

  scrolled() {
    const top = this.scroller.scrollTop;
    if (Math.abs(top - this.scrollSet) < 1) return;
    const up = top < this.scrollSet;
    this.scrollSet = top;
    const atEnd = top + this.scroller.clientHeight >= this.scroller.scrollHeight - 2;
    if (this.following) return void (up && this.leaveEnd());
    this.ask(false);
    if (atEnd && !up) this.events.reachedEnd();
  }

  setFollowing(following) {
    this.following = following;
    this.ask(true);
  }

  scrollTo(top) {
    this.scroller.scrollTop = top;
    this.scrollSet = this.scroller.scrollTop;
  }

  /** Brings a row into sight; only while held. */
  reveal(index) {
    const at = (index - this.first) * ROW_PX;
    const height = this.visibleRows * ROW_PX;
    if (at < this.scroller.scrollTop) this.scrollTo(at);
    else if (at + ROW_PX > this.scroller.scrollTop + height) this.scrollTo(at + ROW_PX - height);
    this.ask(false);
  }

  // Asking and drawing ----------------------------------------------------------------------------------

  /** `fresh`: an answer is wanted even if nothing changed. A question replaces an unanswered one. */
  ask(fresh) {
    const count = this.visibleRows + SPARE_ROWS;
    const top = this.following ? null : this.first + Math.max(0, Math.floor(this.scroller.scrollTop / ROW_PX) - 1);
    const asked = `${top}/${count}`;
    this.events.ask({ top, count, fresh: fresh || asked !== this.asked });
    this.asked = asked;
  }

  take(answer) {
    this.answer = answer;
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = 0;
    const { first, next, rows, held } = this.answer;
    if (held === this.following) return this.ask(true); // answered before the worker knew that the view is held or follows
    const moved = first - this.first;
    this.first = first;
    this.next = next;
    this.body.style.height = `${(next - first) * ROW_PX}px`;
    if (this.following) this.scrollTo(this.scroller.scrollHeight);
    else if (moved > 0) this.scrollTo(this.scroller.scrollTop - moved * ROW_PX);
    this.place(rows);
    this.scroller.setAttribute("aria-rowcount", String(next - first + 1));
    return this.ask(false);
  }

  place(rows) {
    const size = this.visibleRows + SPARE_ROWS;
    while (this.pool.length < size) {
      const row = new Row(`live-row-${this.pool.length}`);
      this.pool.push(row);
      this.body.append(row.root);
    }
    const used = new Set();
    for (const row of rows) {
      const slot = row.index % this.pool.length;
      used.add(slot);
      this.pool[slot].show(row, this.first);
      this.pool[slot].root.setAttribute("aria-rowindex", String(row.index - this.first + 2));
    }
    this.pool.forEach((row, slot) => used.has(slot) || row.hide());
    this.markSelected();
  }

  select(index) {
    this.selected = index;
    this.markSelected();
  }

  markSelected() {
    let active = "";
    for (const row of this.pool) {
      const on = row.index !== -1 && row.index === this.selected;
      row.root.classList.toggle("on", on);
      row.root.setAttribute("aria-selected", on ? "true" : "false");
      if (on) active = row.root.id;
    }
    if (active) this.scroller.setAttribute("aria-activedescendant", active);
    else this.scroller.removeAttribute("aria-activedescendant");
  }
}

"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const video = $("video");
  const MOST_LANES = 6;
  const LANE = 15;
  const TRUTH_LANE = 10;
  const COLOURS = 7;
  // A page of more detections than FEW opens without those below this part of the highest score.
  const FEW = 20;
  const STRONG = 0.1;
  // Players round times to microseconds: a segment must not seem to begin after its own start.
  const ROUNDING = 0.001;

  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const clock = (seconds, digits = 2) => {
    const unit = 10 ** digits;
    const units = Math.round(Math.abs(seconds) * unit);
    const minutes = Math.floor(units / (60 * unit));
    const rest = ((units % (60 * unit)) / unit).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
    const two = (number) => String(number).padStart(2, "0");
    const text = minutes >= 60 ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}` : `${minutes}:${rest}`;
    return seconds < 0 && units ? `-${text}` : text;
  };
  const scoreText = (score) => (Math.abs(score) < 0.1 ? String(Number(score.toPrecision(3))) : score.toFixed(3));
  const position = (seconds) => `${Math.min(Math.max((100 * seconds) / data.duration, 0), 100)}%`;

  // ---- segments and categories ----
  const scores = data.segments.map(([, score]) => score).filter((score) => score !== null);
  const highest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const lowest = scores.reduce((a, b) => Math.min(a, b), 0);
  const rows = data.categories.map((name) => ({ name, isOn: true, isFound: true, segments: [] }));
  const segments = data.segments.map(([category, score, start, end], place) => {
    const times = `${clock(start)} to ${clock(end)}`;
    const said = score === null ? "ground truth" : `score ${scoreText(score)}`;
    const segment = { place, row: rows[category], score, start, end, isVisible: true, isNow: false, tableRow: null,
      facts: `${said}, ${times} (${clock(end - start)})` };
    segment.row.segments.push(segment);
    return segment;
  });
  const inTime = [...segments].sort((a, b) => a.start - b.start || a.end - b.end || a.place - b.place);
  let threshold = -Infinity;
  let chosen = null;

  // ---- seeking ----
  let drawn = -1;
  const draw = () => {
    const time = video.currentTime;
    if (time === drawn) return;
    drawn = time;
    cursor.style.left = position(time);
    axis.setAttribute("aria-valuenow", time.toFixed(2));
    axis.setAttribute("aria-valuetext", clock(time));
    showActive(time);
  };
  const seek = (seconds) => {
    video.currentTime = Math.min(Math.max(seconds, 0), video.duration || data.duration);
    draw();
  };
  const focusOn = (segment) => {
    // The browser by itself would scroll more than needed.
    segment.button.focus({ preventScroll: true });
    segment.button.scrollIntoView({ block: "nearest" });
  };
  const choose = (segment, takesFocus) => {
    if (chosen) chosen.button.classList.remove("chosen");
    chosen = segment;
    segment.button.classList.add("chosen");
    makeReachable(segment);
    seek(segment.start);
    if (takesFocus) focusOn(segment);
  };
  let reachable = null;
  // One tab stop for all segments: a thousand would be a trap.
  const makeReachable = (segment) => {
    if (reachable) reachable.button.tabIndex = -1;
    reachable = segment;
    if (segment) segment.button.tabIndex = 0;
  };
  const step = (direction) => {
    const visible = inTime.filter((segment) => segment.isVisible);
    const time = video.currentTime;
    const place = chosen && Math.abs(Math.max(chosen.start, 0) - time) < 0.05 ? visible.indexOf(chosen) : -1;
    const ahead = visible.findIndex((segment) => segment.start > time + ROUNDING);
    const behind = visible.findLastIndex((segment) => segment.start < time - 0.5);
    const next = place >= 0 ? place + direction : direction > 0 ? (ahead < 0 ? visible.length : ahead) : behind;
    if (visible[next]) choose(visible[next], true);
  };
  const stepRow = (segment, direction) => {
    const shown = rows.filter((row) => row.segments.some((one) => one.isVisible));
    const row = shown[shown.indexOf(segment.row) + direction];
    if (!row) return;
    const middle = (segment.start + segment.end) / 2;
    const distance = (one) => Math.abs((one.start + one.end) / 2 - middle);
    const nearest = row.segments.filter((one) => one.isVisible).reduce((a, b) => (distance(b) < distance(a) ? b : a));
    makeReachable(nearest);
    focusOn(nearest);
  };
  const play = () => {
    if (video.paused) video.play().catch(() => {}); // the page reports an unplayable video elsewhere
    else video.pause();
  };

  // ---- current segments ----
  const now = $("now");
  const showActive = (time) => {
    const active = [];
    for (const segment of segments) {
      const isNow = segment.isVisible && segment.start - ROUNDING <= time && time < segment.end - ROUNDING;
      if (isNow) active.push(segment);
      if (isNow === segment.isNow) continue;
      segment.isNow = isNow;
      segment.button.classList.toggle("now", isNow);
      segment.tableRow.classList.toggle("now", isNow);
    }
    const names = [...new Set(active.filter((one) => one.score !== null).map((one) => one.row.name))];
    const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
    now.textContent = names.length ? `${clock(time)}: ${names.slice(0, 3).join(", ")}${more}` : `${clock(time)}: nothing`;
  };

  // ---- timeline ----
  const timeline = $("timeline");
  const lines = make("div", "lines");
  const addLine = (className) => {
    const line = make("div", className);
    lines.append(line);
    return line;
  };
  const timeAt = (element, event) => {
    const { left, width } = element.getBoundingClientRect();
    return ((event.clientX - left) / width) * data.duration;
  };

  const axisLine = addLine("line axis-line");
  axisLine.append(make("span", "name", data.categories.length ? "category" : ""));
  const axis = make("div", "axis");
  const described = { role: "slider", tabindex: 0, "aria-label": "Time", "aria-valuemin": 0, "aria-valuemax": data.duration };
  for (const [name, value] of Object.entries(described)) axis.setAttribute(name, value);
  axisLine.append(axis);
  axis.addEventListener("pointerdown", (event) => {
    axis.setPointerCapture(event.pointerId);
    seek(timeAt(axis, event));
  });
  axis.addEventListener("pointermove", (event) => {
    if (axis.hasPointerCapture(event.pointerId)) seek(timeAt(axis, event));
  });

  const layer = make("div", "cursor-layer");
  const cursor = make("div", "cursor");
  layer.append(cursor);
  lines.append(layer);

  const drawTicks = () => {
    for (const old of lines.querySelectorAll(".tick, .gridline")) old.remove();
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
    const most = Math.max(axis.clientWidth / 64, 2);
    const step = steps.find((one) => data.duration / one <= most) || Math.ceil(data.duration / most / 14400) * 14400;
    for (let number = 0; number * step <= data.duration; number++) {
      const tick = make("span", "tick", clock(number * step, step < 1 ? 1 : 0));
      tick.style.left = position(number * step);
      axis.append(tick);
      // The last label has no room to the right of its line.
      if (tick.offsetLeft + tick.offsetWidth > axis.clientWidth) tick.textContent = "";
      const line = make("span", "gridline");
      line.style.left = position(number * step);
      gridLayer.append(line);
    }
  };
  const gridLayer = make("div", "cursor-layer");
  gridLayer.style.zIndex = 0;
  lines.prepend(gridLayer);

  const addSegment = (segment, colour, track) => {
    const button = make("button", segment.score === null ? "segment truth" : `segment ${colour}`);
    button.type = "button";
    button.tabIndex = -1;
    button.setAttribute("aria-label", `${segment.row.name}, ${segment.facts}`);
    button.dataset.place = segment.place;
    button.style.left = position(segment.start);
    button.style.width = `calc(${position(segment.end)} - ${position(segment.start)})`;
    const rank = highest > lowest ? (segment.score - lowest) / (highest - lowest) : 1;
    if (segment.score !== null) button.style.setProperty("--strength", (0.2 + 0.8 * rank).toFixed(3));
    segment.button = button;
    track.append(button);
  };
  rows.forEach((row, number) => {
    const colour = `c${number % COLOURS}`;
    row.line = addLine("line");
    const name = make("label", `name ${colour}`);
    row.box = make("input");
    row.box.type = "checkbox";
    row.box.checked = true;
    row.box.addEventListener("change", () => {
      row.isOn = row.box.checked;
      update();
    });
    row.amount = make("span", "amount");
    name.append(row.box, make("span", "", row.name), row.amount);
    row.track = make("div", "track");
    row.track.addEventListener("click", (event) => {
      if (event.target === row.track) seek(timeAt(row.track, event));
    });
    // The best is drawn last, on top.
    for (const segment of [...row.segments].reverse()) addSegment(segment, colour, row.track);
    row.line.append(name, row.track);
  });
  const segmentOf = (event) => {
    const button = event.target.closest?.(".segment");
    return button && segments[button.dataset.place];
  };
  timeline.addEventListener("click", (event) => {
    const segment = segmentOf(event);
    if (segment) choose(segment, false);
  });

  // ---- tooltips ----
  const tip = $("tip");
  const showTip = (event) => {
    const segment = segmentOf(event);
    tip.hidden = !segment;
    if (!segment) return;
    tip.replaceChildren(make("b", "", segment.row.name), segment.facts);
    const { left, right, top, bottom } = segment.button.getBoundingClientRect();
    const x = (Math.max(left, 0) + Math.min(right, innerWidth)) / 2 - tip.offsetWidth / 2;
    tip.style.left = `${Math.min(Math.max(x, 4), innerWidth - tip.offsetWidth - 4)}px`;
    tip.style.top = `${top - tip.offsetHeight - 8 > 0 ? top - tip.offsetHeight - 8 : bottom + 8}px`;
  };
  const hideTip = () => {
    tip.hidden = true;
  };
  // A focused segment keeps its tooltip while scrolling.
  const moveTip = () => showTip({ target: document.activeElement });
  timeline.addEventListener("pointerover", showTip);
  timeline.addEventListener("focusin", showTip);
  timeline.addEventListener("pointerout", hideTip);
  timeline.addEventListener("focusout", hideTip);
  timeline.addEventListener("scroll", moveTip);
  addEventListener("scroll", moveTip);

  // ---- tables ----
  const sort = (table, heading, column) => {
    const isNumber = heading.classList.contains("number");
    const value = (row) => {
      const cell = row.cells[column];
      return isNumber ? Number(cell.dataset.seconds ?? data.segments[row.dataset.place][1]) : cell.textContent;
    };
    const isScore = isNumber && !table.tBodies[0].rows[0].cells[column].dataset.seconds;
    // The first click sorts scores descending, everything else ascending.
    const before = heading.getAttribute("aria-sort");
    const descending = before ? before === "ascending" : isScore;
    const order = (a, b) => (isNumber ? value(a) - value(b) : value(a).localeCompare(value(b)));
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => (descending ? -order(a, b) : order(a, b))));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  };
  const intoButton = (cell, className, action) => {
    const button = make("button", className);
    button.type = "button";
    button.append(...cell.childNodes);
    button.addEventListener("click", action);
    cell.append(button);
  };
  for (const table of document.querySelectorAll("table")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) =>
      intoButton(heading, "", () => sort(table, heading, column)));
    for (const row of table.tBodies[0].rows) {
      segments[row.dataset.place].tableRow = row;
      intoButton(row.cells[0], "go", () => {}); // the row handles the click
      row.addEventListener("click", () => choose(segments[row.dataset.place], false));
    }
  }

  // ---- filters ----
  const assignLanes = (row) => {
    const ends = [];
    let hasTruth = false;
    for (const segment of row.segments) {
      if (!segment.isVisible) continue;
      if (segment.score === null) {
        hasTruth = true;
        continue;
      }
      // Segments come best first, so weaker ones are lower; those without a free lane share the last.
      const free = ends.findIndex((lane) => lane.every(([start, end]) => segment.end <= start || end <= segment.start));
      const lane = free >= 0 ? free : Math.min(ends.length, MOST_LANES - 1);
      (ends[lane] ??= []).push([segment.start, segment.end]);
      segment.lane = lane;
    }
    const top = row.segments.some((segment) => segment.score === null) && hasTruth ? TRUTH_LANE : 0;
    for (const segment of row.segments) {
      if (segment.isVisible) segment.button.style.top = segment.score === null ? "0" : `${top + LANE * segment.lane}px`;
    }
    row.track.style.height = `${top + LANE * Math.max(ends.length, top ? 0 : 1)}px`;
  };
  const shown = $("shown");
  const update = () => {
    let count = 0;
    for (const row of rows) {
      row.line.hidden = !row.isFound;
      row.line.classList.toggle("off", !row.isOn);
      let inRow = 0;
      for (const segment of row.segments) {
        const isStrong = segment.score === null || segment.score >= threshold;
        segment.isVisible = row.isOn && row.isFound && isStrong;
        segment.button.hidden = segment.tableRow.hidden = !segment.isVisible;
        if (segment.isVisible && segment.score !== null) inRow++;
      }
      count += inRow;
      row.amount.textContent = inRow;
      assignLanes(row);
    }
    if (!reachable?.isVisible) makeReachable(inTime.find((segment) => segment.isVisible) ?? null);
    shown.textContent = `${count.toLocaleString("en")} of ${scores.length.toLocaleString("en")} detections shown`;
    drawn = -1;
    draw();
  };
  const slider = $("threshold");
  const sliderValue = $("threshold-value");
  const initial = scores.length > FEW && highest > 0 ? Math.max(STRONG * highest, lowest) : lowest;
  Object.assign(slider, { min: lowest, max: highest, step: "any", value: initial });
  const setThreshold = () => {
    threshold = slider.valueAsNumber <= lowest ? -Infinity : slider.valueAsNumber;
    sliderValue.textContent = scoreText(slider.valueAsNumber);
    slider.setAttribute("aria-valuetext", sliderValue.textContent);
  };
  slider.closest("p").hidden = !(highest > lowest);
  slider.addEventListener("input", () => {
    setThreshold();
    update();
  });
  const search = $("search");
  search.closest("p").hidden = rows.length < 2;
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    for (const row of rows) row.isFound = row.name.toLowerCase().includes(wanted);
    update();
  });
  const switchAll = (isOn) => {
    // Applies to the rows found by the search, so that a few of many can be picked.
    for (const row of rows.filter((one) => one.isFound)) row.isOn = row.box.checked = isOn;
    update();
  };
  $("all").addEventListener("click", () => switchAll(true));
  $("none").addEventListener("click", () => switchAll(false));

  // ---- keys ----
  const isOwnKey = (target, key) => {
    if (target.matches("input[type=search]")) return true;
    if (target.matches("input[type=range]")) return key.startsWith("Arrow");
    if (target.matches("input[type=checkbox], button:not(.segment)")) return key === " ";
    return false;
  };
  const handleKey = (event) => {
    const { key, target, shiftKey } = event;
    if (event.ctrlKey || event.altKey || event.metaKey || isOwnKey(target, key)) return false;
    const segment = segmentOf(event);
    if (key === " ") play();
    else if (key === "ArrowLeft") seek(video.currentTime - (shiftKey ? 5 : 1));
    else if (key === "ArrowRight") seek(video.currentTime + (shiftKey ? 5 : 1));
    else if (key.toLowerCase() === "n") step(1);
    else if (key.toLowerCase() === "p") step(-1);
    else if (segment && key === "ArrowUp") stepRow(segment, -1);
    else if (segment && key === "ArrowDown") stepRow(segment, 1);
    else if (target === axis && key === "Home") seek(0);
    else if (target === axis && key === "End") seek(data.duration);
    else return false;
    return true;
  };
  // Before the player, whose own keys differ between browsers.
  addEventListener("keydown", (event) => {
    if (handleKey(event)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }, true);
  addEventListener("keyup", (event) => {
    if (event.key === " " && segmentOf(event)) event.preventDefault();
  }, true);

  // ---- player ----
  const showProblem = () => {
    $("problem").hidden = false;
  };
  video.addEventListener("error", showProblem);
  // A browser that supports only the audio codec plays on without a picture.
  video.addEventListener("loadedmetadata", () => {
    if (!video.videoWidth) showProblem();
    draw();
  });
  if (video.error) showProblem();
  for (const name of ["timeupdate", "seeking", "seeked"]) video.addEventListener(name, draw);
  const follow = () => {
    draw();
    if (!video.paused) requestAnimationFrame(follow);
  };
  video.addEventListener("play", follow);

  timeline.append(lines);
  for (const id of ["timeline", "controls", "legend", "keys", "now"]) $(id).hidden = false;
  setThreshold();
  update();
  drawTicks();
  addEventListener("resize", drawTicks);
})();

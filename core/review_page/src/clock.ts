// What the player shows now, for those parts of the page that follow every frame.
import { useEffect, useState } from "preact/hooks";
import { Player, type Playing } from "./player";
import type { Rate } from "./time";

export class Clock {
  readonly player: Player;
  now: Playing = { frame: 0, speed: 0 };
  private readonly listeners = new Set<(now: Playing) => void>();
  private until = Number.POSITIVE_INFINITY;

  constructor(rate: Rate, frames: number) {
    this.player = new Player(rate, frames, (now) => this.heard(now));
  }

  listen(listener: (now: Playing) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Play some frames and stop. */
  playRange(first: number, end: number) {
    this.player.shuttle(0);
    this.player.seek(first);
    this.until = end;
    this.player.shuttle(1);
  }

  private heard(now: Playing) {
    this.now = now;
    if (now.speed <= 0) this.until = Number.POSITIVE_INFINITY;
    for (const listener of this.listeners) listener(now);
    if (now.frame >= this.until) this.player.shuttle(0);
  }
}

export function usePlaying(clock: Clock): Playing {
  const [now, setNow] = useState(clock.now);
  useEffect(() => {
    setNow(clock.now);
    return clock.listen(setNow);
  }, [clock]);
  return now;
}

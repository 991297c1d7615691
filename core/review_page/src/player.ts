// Plays two movies of the same timeline in step: the original and a dub.
import { frameAround, frameBeginningAt, middleOf, perSecond, type Rate, startOf } from "./time";

const SPEEDS = [1, 2, 4];
const TOO_FAR_S = 0.2;

/**
 * Calls `shown` with each frame that a movie shows, until the returned function is called. Browsers
 * that cannot tell are asked at every repaint.
 */
export function eachFrameShown(
  movie: HTMLVideoElement,
  rate: Rate,
  shown: (frame: number) => void,
): () => void {
  let running = true;
  const tells: boolean = "requestVideoFrameCallback" in movie;
  const next = () => {
    if (!running) return;
    if (tells) {
      movie.requestVideoFrameCallback((_, about) => heard(frameBeginningAt(about.mediaTime, rate)));
    } else {
      requestAnimationFrame(() => heard(frameAround(movie.currentTime, rate)));
    }
  };
  const heard = (frame: number) => {
    if (running) shown(frame);
    next();
  };
  next();
  return () => {
    running = false;
  };
}

export interface Playing {
  frame: number;
  /** 0 stands; negative is backwards. */
  speed: number;
}

export class Player {
  private following: HTMLVideoElement[] = [];
  private leader: HTMLVideoElement | null = null;
  private speed = 0;
  private frame = 0;
  private stop = () => {};

  constructor(
    readonly rate: Rate,
    readonly frames: number,
    private readonly heard: (playing: Playing) => void,
  ) {}

  /** Play these from now on; the first leads. The frame that was shown stays. */
  attach(movies: HTMLVideoElement[]) {
    this.detach();
    const [leader, ...following] = movies;
    if (!leader) return;
    this.leader = leader;
    this.following = following;
    const forget = eachFrameShown(leader, this.rate, (frame) => {
      // While a seek goes on, what is told may be the frame that was left.
      if (this.speed > 0 && !leader.seeking) this.showing(frame);
    });
    const ended = () => this.shuttle(0);
    leader.addEventListener("ended", ended);
    this.stop = () => {
      forget();
      leader.removeEventListener("ended", ended);
    };
    for (const movie of movies) this.seekOne(movie, this.frame);
    if (this.speed) this.shuttle(this.speed);
  }

  detach() {
    this.stop();
    for (const movie of this.all()) movie.pause();
    this.leader = null;
    this.following = [];
  }

  seek(frame: number) {
    const within = Math.min(Math.max(0, frame), this.frames - 1);
    for (const movie of this.all()) this.seekOne(movie, within);
    this.showing(within);
  }

  step(by: number) {
    if (this.speed) this.shuttle(0);
    this.seek(this.frame + by);
  }

  toggle() {
    this.shuttle(this.speed ? 0 : 1);
  }

  /** J and L: each press is faster, the other way begins anew. */
  faster(direction: 1 | -1) {
    const at = SPEEDS.indexOf(this.speed * direction);
    this.shuttle(direction * (SPEEDS[Math.min(at + 1, SPEEDS.length - 1)] ?? 1));
  }

  shuttle(speed: number) {
    this.speed = speed;
    if (speed > 0) {
      if (this.frame >= this.frames - 1) this.seek(0);
      for (const movie of this.all()) {
        movie.playbackRate = speed;
        void movie.play().catch(() => {}); // a pause that came at once is no fault
      }
    } else {
      for (const movie of this.all()) movie.pause();
      for (const movie of this.all()) this.seekOne(movie, this.frame);
      if (speed < 0) this.backwards(performance.now(), this.frame);
    }
    this.tell();
  }

  private backwards(since: number, from: number) {
    const speed = this.speed;
    const step = (now: number) => {
      if (this.speed !== speed) return;
      const passed = ((now - since) / 1000) * perSecond(this.rate) * -speed;
      const frame = Math.max(0, from - Math.floor(passed));
      if (frame !== this.frame && !this.leader?.seeking) this.seek(frame);
      if (frame > 0) requestAnimationFrame(step);
      else this.shuttle(0);
    };
    requestAnimationFrame(step);
  }

  private showing(frame: number) {
    if (this.speed > 0) this.keepInStep();
    if (frame === this.frame) return;
    this.frame = frame;
    this.tell();
  }

  /** Bring the others to where the leader is: gently where it is near, by a seek where it is far. */
  private keepInStep() {
    const leader = this.leader;
    if (!leader) return;
    for (const movie of this.following) {
      const behind = leader.currentTime - movie.currentTime;
      if (Math.abs(behind) > TOO_FAR_S) movie.currentTime = leader.currentTime;
      const gently = Math.abs(behind) < startOf(1, this.rate) / 4 ? 0 : behind;
      movie.playbackRate = this.speed * (1 + Math.max(-0.1, Math.min(0.1, 2 * gently)));
    }
  }

  private seekOne(movie: HTMLVideoElement, frame: number) {
    movie.currentTime = middleOf(frame, this.rate);
  }

  private all(): HTMLVideoElement[] {
    return this.leader ? [this.leader, ...this.following] : [];
  }

  private tell() {
    this.heard({ frame: this.frame, speed: this.speed });
  }
}

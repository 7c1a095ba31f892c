/**
 * What web sockets throw.
 *
 * @module
 */

/** A socket was not closed the way it should be. */
export class WebSocketError extends Error {
  /** Class name. */
  override readonly name: string = "WebSocketError";
  /** Stable code of this class. */
  readonly code: string = "ERR_WEB_SOCKET";
  /** The close code, such as 1006; 0 when there was none. */
  readonly closeCode: number;

  /** A close that is none. */
  constructor(closeCode: number, reason: string) {
    super(
      `Cannot go on with the web socket: ${
        closeCode === 0 ? "it failed" : `it was closed with code ${closeCode}`
      }${reason === "" ? "" : ` (${reason})`}`,
    );
    this.closeCode = closeCode;
  }
}

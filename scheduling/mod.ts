/**
 * Placeholder while the house is laid out.
 *
 * @module
 */

/** The package version. */
export const VERSION_SCHEDULING: string = "0.1.0";

/*
 * The constants of FORMAT.md; a test compares them with its tables.
 */

/** "BRAZIER" and a byte that is no text, last in the object: a truncated object has something else there. */
export const MAGIC = Uint8Array.of(0x42, 0x52, 0x41, 0x5a, 0x49, 0x45, 0x52, 0xb1);
export const FORMAT_VERSION = 1;
/** directory offset u64, directory size u32, directory crc32 u32, version u16, reserved u16, footer crc32 u32, magic 8. */
export const FOOTER_SIZE = 32;

/**
 * Captures: frames written down as pcapng, for Wireshark and its kin.
 *
 * @module
 */

export { type CaptureEnd, CaptureFilter, type CaptureFilterOptions } from "./filter.ts";
export {
  type Annotate,
  FrameCapture,
  type FrameCaptureOptions,
  StackCapture,
} from "./frame_capture.ts";
export { MemorySink } from "./memory_sink.ts";
export { ADDRESS_WORDS, FrameFields } from "./frame_fields.ts";
export {
  BlockType,
  Direction,
  InterfaceOption,
  LinkType,
  Option,
  PacketOption,
  SectionOption,
  StatisticsOption,
} from "./pcapng_numbers.ts";
export {
  type Capture,
  type CapturedBlock,
  type CapturedInterface,
  type CapturedPacket,
  type RawOption,
  readCapture,
} from "./pcapng_reader.ts";
export {
  type CaptureSink,
  type CustomOption,
  type InterfaceDescription,
  type InterfaceStatistics,
  type PacketNotes,
  PcapngWriter,
  type SectionOptions,
} from "./pcapng_writer.ts";

export { assemble, type FunctionText, type MemoryImport, type Variable } from "./assembler.ts";
export {
  type Immediates,
  type Instruction,
  type OpcodeName,
  OPCODES,
  VALUE_TYPES,
  type ValueType,
} from "./opcodes.ts";

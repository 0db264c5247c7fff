package dev.tornadomoe.modular;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/// A user's own step, for host backends.
///
/// @param name for plans and messages
/// @param declared what the function reads and writes; `--sanitize` finds out whether it is so
/// @param function what is called
public record CustomOperation(String name, List<Access> declared, HostFunction function)
    implements Operation {
  /// Copies the list.
  public CustomOperation {
    declared = List.copyOf(declared);
  }

  @Override
  public List<Access> accesses() {
    return declared;
  }

  /// The function of a custom step.
  @FunctionalInterface
  public interface HostFunction {

    /// Does the step.
    ///
    /// @param memory the operands' memory
    /// @param tokens M of this call
    void run(OperandMemory memory, int tokens);
  }

  /// Looks up the memory of declared operands.
  public interface OperandMemory {

    /// {@return the operand's rows, from its first byte to the last that this step may touch}
    ///
    /// @param operand that the step declares
    /// @throws IllegalArgumentException for an operand that the step does not declare
    MemorySegment of(Operand operand);

    /// {@return how many elements lie between the beginnings of two rows: the operand's width,
    /// unless it is the caller's output and that is part of something wider
    /// ([Capability#ROW_STRIDE_OK])}
    ///
    /// @param operand that the step declares
    long rowStride(Operand operand);

    /// Says how many rows the experts get in this call, in steps before theirs; without it they get
    /// [PrepareAndFinalize#expertTokens].
    ///
    /// @param rows 0 or more
    /// @throws IllegalArgumentException for fewer than none, or more than there is room for
    void handOver(int rows);

    /// {@return the layer's experts where they can begin with some rows before all are there: then
    /// [ExpertPieces#begin] is called in each call, and [ExpertPieces#await] before any result is
    /// read}
    default Optional<ExpertPieces> pieces() {
      return Optional.empty();
    }
  }
}

package dev.tornadomoe.backend.host;

import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.ExpertPieces;
import dev.tornadomoe.modular.Operand;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// A user's own step.
final class CustomStep {
  private CustomStep() {}

  /// @param expertRows what the experts get in this call
  /// @param pieces where these can begin with some of them
  static HostStep compile(
      CustomOperation custom,
      StepContext context,
      ExpertRows expertRows,
      Optional<ExpertPieces> pieces) {
    Map<Operand, BufferRef> refs = new HashMap<>();
    custom.accesses().forEach(a -> refs.put(a.operand(), context.buffer(a.operand())));
    CustomMemory memory = new CustomMemory(custom.name(), refs, expertRows, pieces);
    return tokens -> custom.function().run(memory, tokens);
  }

  /// What a custom step sees of the memory: what it declared, and no byte beyond.
  private record CustomMemory(
      String step,
      Map<Operand, BufferRef> refs,
      ExpertRows expertRows,
      Optional<ExpertPieces> pieces)
      implements CustomOperation.OperandMemory {

    @Override
    public MemorySegment of(Operand operand) {
      BufferRef ref = ref(operand);
      MemorySegment rest = ref.segment().asSlice(ref.offset());
      return rest.asSlice(0, Math.min(rest.byteSize(), ref.buffer().bytes()));
    }

    @Override
    public long rowStride(Operand operand) {
      return ref(operand).buffer().rowStride();
    }

    @Override
    public void handOver(int rows) {
      expertRows.set(rows);
    }

    private BufferRef ref(Operand operand) {
      BufferRef ref = refs.get(operand);
      if (ref == null) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT, "step \"%s\" did not declare that it uses %s", step, operand));
      }
      return ref;
    }
  }
}

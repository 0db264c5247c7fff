package dev.tornadomoe.backend.host;

import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.PrepareAndFinalize;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.Buffer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Step;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One bucket of a plan, compiled for one session: its steps by layer, and where its buffers are.
final class CompiledBucket {

  /// A step and what it was compiled to.
  ///
  /// @param isOutputCopy whether it copies into the caller's output
  record CompiledStep(Step step, PrepareAndFinalize ends, HostStep compiled, boolean isOutputCopy) {

    /// @param tokens M of this call, or of this chunk of it
    void run(int tokens) {
      compiled.run(step.rows(tokens, ends));
    }
  }

  private final BucketPlan plan;
  private final BufferRef[] refs;
  private final CompiledStep[][] steps;

  private CompiledBucket(BucketPlan plan, BufferRef[] refs, CompiledStep[][] steps) {
    this.plan = plan;
    this.refs = refs;
    this.steps = steps;
  }

  static CompiledBucket compile(
      MoePlan plan, BucketPlan bucket, Arithmetic arithmetic, MemorySegment workspace) {
    BufferRef[] refs = new BufferRef[bucket.buffers().size()];
    for (Buffer buffer : bucket.buffers()) {
      refs[buffer.id()] = new BufferRef(buffer);
      if (buffer.placement() instanceof Buffer.Slot slot) {
        refs[buffer.id()].bind(workspace, slot.offset());
      }
    }
    CompiledStep[][] steps = new CompiledStep[plan.layers().size()][];
    for (int layer = 0; layer < steps.length; layer++) {
      int place = layer;
      PrepareAndFinalize ends = plan.pieces(layer).prepareAndFinalize();
      List<Step> ofLayer = bucket.stepsOf(layer);
      steps[layer] = new CompiledStep[ofLayer.size()];
      for (int i = 0; i < steps[layer].length; i++) {
        Step step = ofLayer.get(i);
        Operation operation = step.operation();
        StepContext context =
            new StepContext(
                place,
                plan.layers().get(place),
                step.rows(bucket.maxTokens(), ends),
                plan.options().precision(),
                operand -> refs[bucket.buffer(place, operand).id()]);
        HostStep run = RowSteps.compile(operation, context);
        steps[layer][i] =
            new CompiledStep(
                step,
                ends,
                run != null ? run : arithmetic.compile(operation, context),
                operation instanceof Operation.Copy copy && copy.target().equals(Operand.OUTPUT));
      }
    }
    return new CompiledBucket(bucket, refs, steps);
  }

  BucketPlan plan() {
    return plan;
  }

  CompiledStep[] steps(int layer) {
    return steps[layer];
  }

  /// Where an operand of a layer is, or null when the layer does not use it.
  @Nullable BufferRef find(int layer, Operand operand) {
    Buffer buffer = plan.find(layer, operand);
    return buffer == null ? null : refs[buffer.id()];
  }

  /// Lets go of the caller's memory.
  void unbindCallers() {
    for (BufferRef ref : refs) {
      if (ref.buffer().isCallers()) {
        ref.bind(MemorySegment.NULL, 0);
      }
    }
  }

  BufferRef ref(Buffer buffer) {
    return refs[buffer.id()];
  }
}

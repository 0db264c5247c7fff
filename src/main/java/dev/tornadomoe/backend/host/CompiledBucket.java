package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.PrepareAndFinalize;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.modular.WeightOperation;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.Buffer;
import dev.tornadomoe.plan.CallerRows;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Phase;
import dev.tornadomoe.plan.Step;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;

/// One bucket of a plan, compiled for one session: its steps by layer, and where its buffers are.
final class CompiledBucket {

  /// A step and what it was compiled to.
  ///
  /// @param expertRows what its layer's experts get
  /// @param isOutputCopy whether it copies into the caller's output
  record CompiledStep(Step step, ExpertRows expertRows, HostStep compiled, boolean isOutputCopy) {

    /// @param tokens M of this call, or of this chunk of it
    void run(int tokens) {
      compiled.run(step.phase() == Phase.EXPERTS ? expertRows.get() : tokens);
    }
  }

  /// A buffer of the caller's, and how the region lies that it is in.
  private record CallerRef(BufferRef ref, CallerRows rows) {

    /// One, or none for a buffer of the workspace.
    static Stream<CallerRef> of(MoePlan plan, Buffer buffer, BufferRef ref) {
      MoeLayer layer = plan.layers().get(buffer.layer());
      return buffer.location() instanceof Buffer.Caller caller
          ? Stream.of(
              new CallerRef(ref, CallerRows.of(plan.options().call(), caller.region(), layer)))
          : Stream.empty();
    }
  }

  private final BucketPlan plan;
  private final BufferRef[] refs;
  private final CallerRef[][] callers;
  private final CompiledStep[][] steps;
  private final PrepareAndFinalize[] prepareAndFinalize;
  private final ExpertRows[] expertRows;

  private CompiledBucket(
      BucketPlan plan,
      BufferRef[] refs,
      CallerRef[][] callers,
      CompiledStep[][] steps,
      PrepareAndFinalize[] prepareAndFinalize,
      ExpertRows[] expertRows) {
    this.plan = plan;
    this.refs = refs;
    this.callers = callers;
    this.steps = steps;
    this.prepareAndFinalize = prepareAndFinalize;
    this.expertRows = expertRows;
  }

  static CompiledBucket compile(
      MoePlan plan,
      BucketPlan bucket,
      StepCompiler compiler,
      SessionWorkspace places,
      MemorySegment workspace) {
    BufferRef[] refs = new BufferRef[bucket.buffers().size()];
    for (Buffer buffer : bucket.buffers()) {
      refs[buffer.id()] = new BufferRef(buffer);
      if (buffer.location() instanceof Buffer.Slot slot && places.has(bucket, buffer)) {
        refs[buffer.id()].bind(workspace, places.offset(slot.offset()));
      }
    }
    bindOwn(bucket, compiler, refs);
    int layers = plan.layers().size();
    CallerRef[][] callers = new CallerRef[layers][];
    CompiledStep[][] steps = new CompiledStep[layers][];
    PrepareAndFinalize[] prepareAndFinalize = new PrepareAndFinalize[layers];
    ExpertRows[] expertRows = new ExpertRows[layers];
    for (int layer = 0; layer < layers; layer++) {
      int layerIndex = layer;
      callers[layer] =
          bucket.bindings().get(layer).values().stream()
              .distinct()
              .flatMap(buffer -> CallerRef.of(plan, buffer, refs[buffer.id()]))
              .toArray(CallerRef[]::new);
      prepareAndFinalize[layer] = plan.modularMoe(layer).prepareAndFinalize();
      expertRows[layer] =
          new ExpertRows(prepareAndFinalize[layer].expertTokens(bucket.maxTokens()));
      List<Step> ofLayer = bucket.stepsOf(layer);
      steps[layer] = new CompiledStep[ofLayer.size()];
      for (int i = 0; i < steps[layer].length; i++) {
        Step step = ofLayer.get(i);
        Operation operation = step.operation();
        StepContext context =
            new StepContext(
                layerIndex,
                plan.layers().get(layerIndex),
                experts(plan.layers().get(layerIndex), prepareAndFinalize[layer], step.phase()),
                step.rows(bucket.maxTokens(), prepareAndFinalize[layer]),
                plan.options().precision(),
                operand -> refs[bucket.buffer(layerIndex, operand).id()]);
        steps[layer][i] =
            new CompiledStep(
                step,
                expertRows[layer],
                compiled(operation, context, compiler, expertRows[layer]),
                step.isOutputCopy());
      }
    }
    return new CompiledBucket(bucket, refs, callers, steps, prepareAndFinalize, expertRows);
  }

  /// Binds what the compiler wants elsewhere than in the workspace.
  private static void bindOwn(BucketPlan bucket, StepCompiler compiler, BufferRef[] refs) {
    for (int layer = 0; layer < bucket.bindings().size(); layer++) {
      int layerIndex = layer;
      bucket
          .bindings()
          .get(layer)
          .forEach((operand, buffer) -> {
            if (!buffer.isCallers() && !compiler.isInWorkspace(layerIndex, operand)) {
              compiler
                  .ownMemory(layerIndex, operand, buffer.bytes())
                  .ifPresent(memory -> refs[buffer.id()].bind(memory, 0));
            }
          });
    }
  }

  private static HostStep compiled(
      Operation operation, StepContext context, StepCompiler compiler, ExpertRows expertRows) {
    return switch (operation) {
      case WeightOperation op -> compiler.compile(op, context);
      case RowOperation op -> RowSteps.compile(op, context);
      case RouteOperation op -> compiler.compile(op, context);
      case CustomOperation op ->
          CustomStep.compile(op, context, expertRows, compiler.pieces(context));
    };
  }

  /// Finalize of ends that are not local has the results of experts elsewhere, too.
  private static ExpertMap experts(
      MoeLayer layer, PrepareAndFinalize prepareAndFinalize, Phase phase) {
    return phase == Phase.FINALIZE && !prepareAndFinalize.isLocal()
        ? layer.expertsAnywhere()
        : layer.experts().map();
  }

  /// The steps of a layer, for a call or a chunk of it.
  CompiledStep[] begin(int layer, int tokens) {
    expertRows[layer].reset(prepareAndFinalize[layer].expertTokens(tokens));
    return steps[layer];
  }

  BucketPlan plan() {
    return plan;
  }

  /// Binds a layer to the memory of a call, from one of its tokens on. The call has been checked.
  void bindCallers(int layer, MoeCall call, int firstToken) {
    for (CallerRef caller : callers[layer]) {
      MemorySegment segment = call.memory(caller.rows().region());
      if (segment != null) {
        caller.ref().bind(segment, firstToken * caller.rows().tokenBytes());
      }
    }
  }

  /// Lets go of the caller's memory that a layer was bound to.
  void unbindCallers(int layer) {
    for (CallerRef caller : callers[layer]) {
      caller.ref().bind(MemorySegment.NULL, 0);
    }
  }

  BufferRef ref(Buffer buffer) {
    return refs[buffer.id()];
  }
}

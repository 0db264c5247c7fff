package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Workspace;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Gives every operand of every layer a buffer: scratch in the workspace, the rest in the caller's
/// memory, merged operands in the same buffer.
///
/// @param buffers by id
/// @param bindings for each layer the buffer of each operand
/// @param workspaceBytes the size of the workspace
record BufferAssignment(
    List<Buffer> buffers, List<Map<Operand, Buffer>> bindings, long workspaceBytes) {

  static BufferAssignment of(List<LayerDraft> drafts, List<Step> steps, PlanOptions options) {
    Liveness liveness = Liveness.of(steps);
    List<WorkspaceLayout.Request> requests = new ArrayList<>();
    for (int layer = 0; layer < drafts.size(); layer++) {
      for (Workspace scratch : usedScratch(drafts.get(layer), layer, liveness)) {
        requests.add(
            new WorkspaceLayout.Request(bytes(scratch), liveness.of(layer, scratch.operand())));
      }
    }
    WorkspaceLayout layout = WorkspaceLayout.of(requests, options.guardBytes(), options.reuse());
    List<Buffer> buffers = new ArrayList<>();
    List<Map<Operand, Buffer>> bindings = new ArrayList<>();
    int request = 0;
    for (int layer = 0; layer < drafts.size(); layer++) {
      LayerDraft draft = drafts.get(layer);
      CallerBuffers callers = new CallerBuffers(draft, layer, options.call());
      Map<Operand, Buffer> bound = new LinkedHashMap<>();
      for (Operand operand : callerOperands(draft)) {
        bound.put(operand, add(buffers, callers.buffer(buffers.size(), operand)));
      }
      for (Workspace scratch : usedScratch(draft, layer, liveness)) {
        Buffer.Slot slot = new Buffer.Slot(layout.offset(request++), bytes(scratch));
        bound.put(
            scratch.operand(), add(buffers, scratchBuffer(buffers.size(), layer, scratch, slot)));
      }
      if (draft.aliased()) {
        // The experts write the output under its other name.
        bound.put(Operand.OUTPUT, add(buffers, callers.buffer(buffers.size(), Operand.OUTPUT)));
        bound.put(Operand.FUSED_OUT, buffers.getLast());
      }
      bindings.add(Collections.unmodifiableMap(bound));
    }
    return new BufferAssignment(List.copyOf(buffers), List.copyOf(bindings), layout.bytes());
  }

  private static Buffer add(List<Buffer> buffers, Buffer buffer) {
    buffers.add(buffer);
    return buffer;
  }

  private static Buffer scratchBuffer(int id, int layer, Workspace scratch, Buffer.Slot slot) {
    long rowStride = scratch.shape().dimension(scratch.shape().rank() - 1);
    return new Buffer(
        id, layer, scratch.operand(), scratch.dtype(), scratch.shape(), rowStride, slot);
  }

  private static List<Workspace> usedScratch(LayerDraft draft, int layer, Liveness liveness) {
    return draft.scratch().values().stream()
        .filter(scratch -> liveness.isUsed(layer, scratch.operand()))
        .toList();
  }

  /// What a layer uses and no workspace holds, in order of first use.
  private static List<Operand> callerOperands(LayerDraft draft) {
    return draft.stages().stream()
        .flatMap(stage -> stage.operation().accesses().stream())
        .map(Access::operand)
        .distinct()
        .filter(operand -> !draft.scratch().containsKey(operand))
        .filter(operand ->
            !draft.aliased()
                || (!operand.equals(Operand.FUSED_OUT) && !operand.equals(Operand.OUTPUT)))
        .toList();
  }

  static long bytes(Workspace workspace) {
    return Math.multiplyExact(workspace.shape().elements(), (long) workspace.dtype().bytes());
  }
}

package dev.tornadomoe.modular;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a step does: the instructions that backends carry out. Each names its operands, so what it
/// reads and writes can't differ from what it declares.
///
/// Shapes: M tokens, H hidden size, I intermediate size, E experts, k experts per token, P = M*k
/// pairs. Pair `t*k + s` is token t with its s-th expert. All values are F32 and all indices I32
/// unless the caller's own memory has another type.
public sealed interface Operation {

  /// What it reads and writes, in no particular order; each operand once.
  List<Access> accesses();

  /// A short name for plans and messages.
  String name();

  /// Operations that write finished rows and can add further rows to them on the way.
  sealed interface Finishing extends Operation permits DownReduce, Reduce {

    /// Rows `[M, H]` added to the result in this order, each read at the place it is added to.
    List<Operand> addends();

    /// The finished rows `[M, H]`.
    Operand target();

    /// This operation with one more addend.
    Finishing adding(Operand addend);
  }

  /// `logits[M, E] = input[M, H] x router weight + bias`
  record RouterLogits(Operand input, Operand logits) implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(input), Access.overwrite(logits));
    }

    @Override
    public String name() {
      return "router logits";
    }
  }

  /// Router logits `[M, E]` to ids and weights `[M, k]`, by the layer's gating.
  record SelectExperts(Operand logits, Operand ids, Operand weights) implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(logits), Access.overwrite(ids), Access.overwrite(weights));
    }

    @Override
    public String name() {
      return "select top-k";
    }
  }

  /// Copies rows `[M, H]`, converting between element types and row strides where they differ.
  record Copy(Operand source, Operand target) implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(new Access(source, Access.Mode.READ_ELEMENTWISE), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "copy";
    }
  }

  /// `target[t] = weights[t] * input[t]`, for layers with one expert per token.
  record WeightInput(Operand input, Operand weights, Operand target) implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(input), Access.read(weights), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "weight input";
    }
  }

  /// `target[t] += addend[t]`, rows `[M, H]`.
  record Add(Operand target, Operand addend) implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.accumulate(target), Access.read(addend));
    }

    @Override
    public String name() {
      return "add " + addend;
    }
  }

  /// `target[t] = 0`, rows `[M, H]`, for experts that accumulate.
  record Zero(Operand target) implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.overwrite(target));
    }

    @Override
    public String name() {
      return "zero";
    }
  }

  /// The shared expert's first half: `activated[M, shared I] = activation(gate x) * up x`.
  record SharedGateUp(Operand input, Operand activated) implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(input), Access.overwrite(activated));
    }

    @Override
    public String name() {
      return "shared gate/up";
    }
  }

  /// The shared expert's second half: `target[M, H] = down(activated)`, times sigmoid(gate x) if
  /// the layer has that gate.
  record SharedDown(Operand input, Operand activated, Operand target) implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(input), Access.read(activated), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "shared down";
    }
  }

  /// What experts without weights contribute, which return their input: `target[t] = input[t] * sum
  /// over s of weights[t,s]`, where `ids[t,s]` is one of them.
  record IdentityExperts(Operand input, Operand ids, Operand weights, Operand target)
      implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(
          Access.read(input), Access.read(ids), Access.read(weights), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "identity experts";
    }
  }

  /// Sorts the pairs by local expert: `order[P]` lists pairs, those of expert e from `offsets[e]`
  /// to `offsets[e+1]` (`[E+1]`), in ascending order. Pairs of experts that are not here are left
  /// out.
  record GroupByExpert(Operand ids, Operand order, Operand offsets) implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(ids), Access.overwrite(order), Access.overwrite(offsets));
    }

    @Override
    public String name() {
      return "group by expert";
    }
  }

  /// Gate, up and activation of every pair on its own: `activated[P, I]` in pair order. Rows of
  /// experts that are not here are left as they are.
  record GateUp(Operand input, Operand ids, Operand activated) implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(input), Access.read(ids), Access.overwrite(activated));
    }

    @Override
    public String name() {
      return "gate/up";
    }
  }

  /// Gate, up and activation, all tokens of an expert together: `activated[P, I]` in the order of
  /// `order`.
  record GroupedGateUp(Operand input, Operand order, Operand offsets, Operand activated)
      implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(
          Access.read(input),
          Access.read(order),
          Access.read(offsets),
          Access.overwrite(activated));
    }

    @Override
    public String name() {
      return "grouped gate/up";
    }
  }

  /// Down projection, all tokens of an expert together, from the order of `order` back to pair
  /// order: `target[P, H]`. Rows of experts that are not here are left as they are.
  record GroupedDown(Operand activated, Operand order, Operand offsets, Operand target)
      implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(
          Access.read(activated),
          Access.read(order),
          Access.read(offsets),
          Access.overwrite(target));
    }

    @Override
    public String name() {
      return "grouped down";
    }
  }

  /// Down projection, weighting and sum over a token's experts at once: `target[t] = sum over s of
  /// weights[t,s] * down(activated[t*k+s]) + addends`. A token without local experts gets zeros.
  ///
  /// @param weights null where the input was weighted
  record DownReduce(
      Operand activated,
      Operand ids,
      @Nullable Operand weights,
      List<Operand> addends,
      Operand target)
      implements Finishing {
    @Override
    public List<Access> accesses() {
      return finishing(List.of(activated, ids), weights, addends, target);
    }

    @Override
    public DownReduce adding(Operand addend) {
      return new DownReduce(activated, ids, weights, with(addends, addend), target);
    }

    @Override
    public String name() {
      return "down + weight + reduce" + plus(addends);
    }
  }

  /// Weighting and sum over a token's experts: `target[t] = sum over s of weights[t,s] *
  /// pairs[t*k+s] + addends`. Pairs of experts that are not here count as zero.
  ///
  /// @param weights null where the input was weighted
  record Reduce(
      Operand pairs, Operand ids, @Nullable Operand weights, List<Operand> addends, Operand target)
      implements Finishing {
    @Override
    public List<Access> accesses() {
      return finishing(List.of(pairs, ids), weights, addends, target);
    }

    @Override
    public Reduce adding(Operand addend) {
      return new Reduce(pairs, ids, weights, with(addends, addend), target);
    }

    @Override
    public String name() {
      return "weight + reduce" + plus(addends);
    }
  }

  /// Copies each token's row to its experts: `batched[E, T, H]`, rows 0 to `counts[e]` valid; pair
  /// p goes to row `rows[p]` of its expert.
  record Dispatch(Operand input, Operand ids, Operand batched, Operand counts, Operand rows)
      implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(
          Access.read(input),
          Access.read(ids),
          Access.overwrite(batched),
          Access.overwrite(counts),
          Access.overwrite(rows));
    }

    @Override
    public String name() {
      return "dispatch";
    }
  }

  /// Gate, up and activation of dispatched rows: `activated[E, T, I]`, valid rows only.
  record BatchedGateUp(Operand batched, Operand counts, Operand activated) implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(batched), Access.read(counts), Access.overwrite(activated));
    }

    @Override
    public String name() {
      return "batched gate/up";
    }
  }

  /// Down projection of dispatched rows: `target[E, T, H]`, valid rows only.
  record BatchedDown(Operand activated, Operand counts, Operand target) implements Operation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(activated), Access.read(counts), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "batched down";
    }
  }

  /// Zeroes `target[M, H]`, then adds each valid row of `batched[E, T, H]`, weighted, to its
  /// token's row, expert after expert.
  ///
  /// @param weights null where the input was weighted
  record BatchedReduce(
      Operand batched, Operand ids, Operand rows, @Nullable Operand weights, Operand target)
      implements Operation {
    @Override
    public List<Access> accesses() {
      return finishing(List.of(batched, ids, rows), weights, List.of(), target);
    }

    @Override
    public String name() {
      return "batched weight + reduce";
    }
  }

  /// A user's own step, for host backends.
  ///
  /// @param name for plans and messages
  /// @param declared what the function reads and writes; `--sanitize` finds out whether it is so
  /// @param function what is called
  record Custom(String name, List<Access> declared, HostFunction function) implements Operation {
    public Custom {
      declared = List.copyOf(declared);
    }

    @Override
    public List<Access> accesses() {
      return declared;
    }
  }

  /// The function of a [Custom] step.
  @FunctionalInterface
  interface HostFunction {

    /// Does the step.
    ///
    /// @param memory the operands' memory
    /// @param tokens M of this call
    void run(OperandMemory memory, int tokens);
  }

  /// Looks up the memory of declared operands.
  interface OperandMemory {

    /// The operand's rows, from its first byte to the last that this step may touch.
    ///
    /// @throws IllegalArgumentException for an operand that the step does not declare
    MemorySegment of(Operand operand);

    /// Elements from one row of it to the next: its width, unless it is the caller's output and
    /// that is part of something wider ([Capability#ROW_STRIDE_OK]).
    long rowStride(Operand operand);

    /// Says how many rows the experts get in this call, in steps before theirs; without it they get
    /// [PrepareAndFinalize#expertTokens].
    ///
    /// @throws IllegalArgumentException for fewer than none, or more than there is room for
    void handOver(int rows);
  }

  private static List<Access> finishing(
      List<Operand> read, @Nullable Operand weights, List<Operand> addends, Operand target) {
    List<Access> accesses = new ArrayList<>();
    read.forEach(operand -> accesses.add(Access.read(operand)));
    if (weights != null) {
      accesses.add(Access.read(weights));
    }
    addends.forEach(operand -> accesses.add(new Access(operand, Access.Mode.READ_ELEMENTWISE)));
    accesses.add(Access.overwrite(target));
    return List.copyOf(accesses);
  }

  private static List<Operand> with(List<Operand> addends, Operand addend) {
    List<Operand> all = new ArrayList<>(addends);
    all.add(addend);
    return List.copyOf(all);
  }

  private static String plus(List<Operand> addends) {
    StringBuilder text = new StringBuilder();
    addends.forEach(addend -> text.append(" + ").append(addend));
    return text.toString();
  }
}

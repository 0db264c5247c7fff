package dev.tornadomoe.modular;

import java.util.List;

/// Products with the matrices that every token meets: the router's, the shared expert's, and those
/// around experts with rows of another size.
public sealed interface DenseOperation extends WeightOperation {

  /// The first projection of a router that is an MLP: `target[M, R] = input[M, H] x in + bias`.
  ///
  /// @param input rows `[M, H]`
  /// @param target rows `[M, R]`
  record RouterIn(Operand input, Operand target) implements DenseOperation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(input), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "router in";
    }
  }

  /// One of its hidden layers: `target[M, R] = activation(input[M, R] x hidden + bias)`.
  ///
  /// @param index which, from 0
  /// @param input rows `[M, R]`
  /// @param target rows `[M, R]`
  record RouterHidden(int index, Operand input, Operand target) implements DenseOperation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(input), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "router hidden " + index;
    }
  }

  /// `logits[M, E] = input[M, H] x router weight + bias`
  ///
  /// @param input rows `[M, H]`, or `[M, R]` behind an MLP
  /// @param logits F32 `[M, E]`
  record RouterLogits(Operand input, Operand logits) implements DenseOperation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(input), Access.overwrite(logits));
    }

    @Override
    public String name() {
      return "router logits";
    }
  }

  /// The shared expert's first half: `activated[M, shared I] = activation(gate x) * up x`.
  ///
  /// @param input rows `[M, H]`
  /// @param activated rows `[M, shared I]`
  record SharedGateUp(Operand input, Operand activated) implements DenseOperation {
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
  ///
  /// @param input rows `[M, H]` that the gate is computed of
  /// @param activated rows `[M, shared I]`
  /// @param target rows `[M, H]`
  record SharedDown(Operand input, Operand activated, Operand target) implements DenseOperation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(input), Access.read(activated), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "shared down";
    }
  }

  /// From the layer's rows to those of experts behind a latent projection: `target[M, Z] = input[M,
  /// H] x in + bias`.
  ///
  /// @param input rows `[M, H]`
  /// @param target rows `[M, Z]`
  record LatentIn(Operand input, Operand target) implements DenseOperation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(input), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "latent in";
    }
  }

  /// And from their sum to the layer's rows: `target[M, H] = input[M, Z] x out + bias`.
  ///
  /// @param input rows `[M, Z]`
  /// @param target rows `[M, H]`
  record LatentOut(Operand input, Operand target) implements DenseOperation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(input), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "latent out";
    }
  }
}

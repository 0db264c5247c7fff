package dev.tornadomoe.tornado.weights;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.layer.Latent;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.kernel.Flags;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// How a layer's weights will be kept, decided from their descriptions before anything is loaded:
/// in which formats, in how many parts, and whether the shared expert is kept as experts.
///
/// @param router router, and shared gate where that gets the same rows, or null when there is
///   neither
/// @param routerMlp the matrices of its MLP, in order; none where it has none
/// @param sharedGate the shared expert's gate where it gets other rows than the router, or null
/// @param gateUp of an expert, twice as many matrices as experts
/// @param down of an expert
/// @param expertsPerPart the most that fit into one buffer
/// @param extra experts that the shared expert is cut into, so that the experts' own kernels do its
///   work; 0 when it can't be
/// @param sharedGateUp of the shared expert by itself, or null
/// @param sharedDown of the shared expert by itself, or null
/// @param latentIn before experts with rows of another size, or null
/// @param latentOut behind them, or null
public record LayerStorage(
    @Nullable Storage router,
    List<Storage> routerMlp,
    @Nullable Storage sharedGate,
    Storage gateUp,
    Storage down,
    int expertsPerPart,
    int extra,
    @Nullable Storage sharedGateUp,
    @Nullable Storage sharedDown,
    @Nullable Storage latentIn,
    @Nullable Storage latentOut) {
  /// Rows of a strip of down. With 2 down takes about as long for one token, but longer for many
  /// (H200, 256 tokens: 372 us, 312 with 4): tiles then read less of a line at once.
  private static final int DOWN_LANES = 4;

  /// How a layer's weights are kept.
  ///
  /// @param device that keeps them
  public static LayerStorage of(MoeLayer layer, DeviceLimits device) {
    LayerStorage storage = of(layer, device.mostElements());
    Storage sharedGateUp = storage.sharedGateUp;
    Storage sharedDown = storage.sharedDown;
    return new LayerStorage(
        storage.router,
        storage.routerMlp,
        storage.sharedGate,
        storage.gateUp.inStrips(device),
        storage.down.inStrips(DOWN_LANES),
        storage.expertsPerPart,
        storage.extra,
        sharedGateUp == null ? null : sharedGateUp.inStrips(device),
        sharedDown == null ? null : sharedDown.inStrips(DOWN_LANES),
        storage.latentIn,
        storage.latentOut);
  }

  private static LayerStorage of(MoeLayer layer, long mostElements) {
    List<Mlp> experts = layer.experts().local();
    Storage gateUp = Storage.of(gateUps(experts));
    Storage down = Storage.of(experts.stream().map(Mlp::down).toList());
    SharedExperts shared = layer.shared();
    Latent latent = layer.latent();
    Storage sharedGateUp = shared == null ? null : Storage.of(gateUps(List.of(shared.mlp())));
    Storage sharedDown = shared == null ? null : Storage.of(List.of(shared.mlp().down()));
    int extra =
        sharedGateUp == null || sharedDown == null
            ? 0
            : extra(layer, gateUp, down, sharedGateUp, sharedDown);
    long perExpert = Math.max(2 * gateUp.largest(), down.largest());
    int spare = Math.max(gateUp.mostAround(), down.mostAround());
    LayerStorage storage =
        new LayerStorage(
            router(layer),
            routerMlp(layer).stream().map(LayerStorage::dense).toList(),
            gateApart(layer),
            gateUp,
            down,
            (int) Math.min((mostElements - spare) / perExpert - extra, experts.size()),
            extra,
            extra > 0 ? null : sharedGateUp,
            extra > 0 ? null : sharedDown,
            latent == null ? null : dense(latent.in()),
            latent == null ? null : dense(latent.out()));
    requireFits(layer, "one expert's weights take", perExpert * (extra + 1L) + spare, mostElements);
    storage.requireOthersFit(layer, mostElements);
    return storage;
  }

  /// Those that are in one buffer each, whatever the device.
  private void requireOthersFit(MoeLayer layer, long most) {
    requireFits(layer, "its shared expert's weights take", elements(sharedGateUp, 2), most);
    requireFits(layer, "its shared expert's weights take", elements(sharedDown, 1), most);
    requireFits(layer, "its router's weights take", elements(router, 1), most);
    for (Storage matrix : routerMlp) {
      requireFits(layer, "a matrix of its router's MLP takes", elements(matrix, 1), most);
    }
    requireFits(layer, "its latent projection takes", elements(latentIn, 1), most);
    requireFits(layer, "its latent projection takes", elements(latentOut, 1), most);
    requireFits(layer, "its router's table takes", table(layer), most);
  }

  private static long elements(@Nullable Storage kept, int matrices) {
    return kept == null ? 0 : matrices * kept.largest() + kept.mostAround();
  }

  /// Elements of a router's table of experts.
  private static long table(MoeLayer layer) {
    return layer.router() != null && layer.router().gating() instanceof TableGating table
        ? (long) table.vocabulary() * table.topK()
        : 0;
  }

  private static void requireFits(MoeLayer layer, String what, long elements, long most) {
    if (elements > most) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "layer %d: %s %d elements in a buffer, the device's largest buffer holds %d",
              layer.index(),
              what,
              elements,
              most));
    }
  }

  /// As the router, whose kernel multiplies by it.
  private static Storage dense(Weight weight) {
    return Storage.rowMajor(weight.rows(), weight.columns());
  }

  /// Gate and up in turn; up twice where there is no gate.
  static List<Weight> gateUps(List<Mlp> experts) {
    List<Weight> weights = new ArrayList<>();
    for (Mlp mlp : experts) {
      weights.add(mlp.gate() == null ? mlp.up() : mlp.gate());
      weights.add(mlp.up());
    }
    return weights;
  }

  private static @Nullable Storage router(MoeLayer layer) {
    Router router = layer.router();
    Weight gate = isGateApart(layer) ? null : gate(layer);
    List<Weight> weights = new ArrayList<>();
    if (router != null) {
      weights.add(router.weight());
    }
    if (gate != null) {
      weights.add(gate);
    }
    if (weights.isEmpty()) {
      return null;
    }
    // It is small, and 16-bit weights are decoded by a table: twice the bytes are faster.
    return Storage.rowMajor(
        weights.stream().mapToInt(Weight::rows).sum(), weights.getFirst().columns());
  }

  private static @Nullable Storage gateApart(MoeLayer layer) {
    Weight gate = gate(layer);
    return gate == null || !isGateApart(layer) ? null : dense(gate);
  }

  private static List<Weight> routerMlp(MoeLayer layer) {
    RouterMlp mlp = mlp(layer);
    return mlp == null ? List.of() : mlp.weights();
  }

  private static @Nullable RouterMlp mlp(MoeLayer layer) {
    return layer.router() == null ? null : layer.router().mlp();
  }

  private static @Nullable Weight gate(MoeLayer layer) {
    return layer.shared() == null ? null : layer.shared().gate();
  }

  /// Whether the shared expert has a gate that gets other rows than the router's matrix: the layer
  /// norms one's rows or the other's, or the router has an MLP.
  static boolean isGateApart(MoeLayer layer) {
    return gate(layer) != null
        && (mlp(layer) != null
            || layer.norms().router() != null
            || layer.norms().experts() != null);
  }

  /// As many experts of size I as the shared expert's I makes, if its weights are kept alike and
  /// can be cut: `down(activated)` is the sum over runs of columns, each with its rows of gate and
  /// up.
  private static int extra(
      MoeLayer layer, Storage gateUp, Storage down, Storage sharedGateUp, Storage sharedDown) {
    Mlp expert = layer.experts().local().getFirst();
    SharedExperts shared = layer.shared();
    if (shared == null
        // Its rows are the layer's, and its sum is none of those that a projection widens.
        || layer.latent() != null
        || shared.mlp().isGated() != expert.isGated()
        || !shared.activation(layer.experts()).equals(layer.experts().activation())
        || sharedGateUp.format() != gateUp.format()
        || sharedDown.format() != down.format()
        || sharedGateUp.groupSize() != gateUp.groupSize()
        || (down.isScaled() && sharedDown.groupSize() != down.groupSize())
        // The router's weights and the gate's logit would have to go through the same parameter.
        || (layer.routerWeightOnInput() && shared.gate() != null)) {
      return 0;
    }
    int intermediate = layer.intermediate();
    int parts = Math.ceilDiv(shared.mlp().intermediate(), intermediate);
    boolean isCut = parts > 1;
    boolean canBeCut =
        intermediate % 8 == 0
            && (!down.isScaled() || intermediate % down.groupSize() == 0)
            && !down.is(Flags.ACT_ORDER)
            && shared.mlp().downBias() == null;
    boolean isSmaller = shared.mlp().intermediate() < intermediate;
    // What is filled up must stay zero: activations at zero are, with a bias they are not.
    boolean canBeFilled =
        shared.mlp().upBias() == null && !down.is(Flags.ACT_ORDER) && !gateUp.is(Flags.ACT_ORDER);
    boolean isUneven = shared.mlp().intermediate() % intermediate != 0;
    if ((isCut && !canBeCut) || ((isUneven || isSmaller) && !canBeFilled)) {
      return 0;
    }
    return parts;
  }

  /// Bytes that a layer's arrays take.
  ///
  /// @param layer it was made for
  public long bytes(MoeLayer layer) {
    long bytes = 0;
    for (Kept kept : kept(layer)) {
      bytes += kept.storage().bytes(kept.matrices(), kept.arrays());
    }
    long table = table(layer);
    return table == 0 ? bytes : bytes + DeviceArrays.bytes(Math.toIntExact(table));
  }

  /// What a device takes beside them that gives large arrays whole pages.
  ///
  /// @param layer it was made for
  /// @param page bytes of one
  public long unusedOfPages(MoeLayer layer, long page) {
    long bytes = 0;
    for (Kept kept : kept(layer)) {
      bytes += kept.storage().unusedOfPages(kept.matrices(), kept.arrays(), page);
    }
    return bytes;
  }

  private List<Kept> kept(MoeLayer layer) {
    int local = layer.experts().local().size();
    long experts = (long) local + extra;
    long parts = Math.ceilDiv((long) local, expertsPerPart);
    List<Kept> kept = new ArrayList<>();
    kept.add(new Kept(gateUp, 2 * experts, parts));
    kept.add(new Kept(down, experts, parts));
    add(kept, router, 1);
    routerMlp.forEach(matrix -> add(kept, matrix, 1));
    add(kept, sharedGate, 1);
    add(kept, sharedGateUp, 2);
    add(kept, sharedDown, 1);
    add(kept, latentIn, 1);
    add(kept, latentOut, 1);
    return kept;
  }

  private static void add(List<Kept> kept, @Nullable Storage storage, long matrices) {
    if (storage != null) {
      kept.add(new Kept(storage, matrices, 1));
    }
  }

  /// So many matrices, in so many arrays of each kind.
  private record Kept(Storage storage, long matrices, long arrays) {}
}

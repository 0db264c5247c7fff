package dev.tornadomoe.tornado;

import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.HybridExperts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.OffloadExperts;
import dev.tornadomoe.modular.OffloadExperts.DevicePart;
import dev.tornadomoe.modular.OffloadExperts.Streaming;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.weights.StreamedExperts;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// What a device computes of a plan whose experts are divided: the parts of layers that it has, and
/// behind them the host's experts that go through it, as many at a time as it has room for. Each is
/// a layer of the device session's plan.
///
/// @param residents what the device has
/// @param pieces what goes through it
/// @param fromTokens the fewest tokens of calls of pieces
record OffloadLayers(List<Resident> residents, List<Piece> pieces, int fromTokens) {
  /// Tokens that the device works on at once: enough to keep it busy, and an end to what its arrays
  /// take.
  private static final int MOST_TOKENS = 2048;

  /// What a device has of a layer.
  ///
  /// @param index of the layer in the plan
  record Resident(int index, MoeLayer layer) {}

  /// Some of the host's experts.
  ///
  /// @param index of their layer in the plan
  /// @param layer of these experts alone, numbered from 0, with k numbers that are none of them
  /// @param map from the router's numbers to these
  /// @param half which half of the window they go to, 0 or 1
  record Piece(int index, MoeLayer layer, ExpertMap map, int half) {}

  /// Of a plan for some layers.
  static OffloadLayers of(MoePlan plan) {
    List<Resident> residents = new ArrayList<>();
    List<Piece> pieces = new ArrayList<>();
    int fromTokens = 1;
    for (int index = 0; index < plan.layers().size(); index++) {
      if (plan.modularMoe(index).experts() instanceof OffloadExperts offload) {
        DevicePart device = offload.device();
        if (device != null) {
          residents.add(new Resident(index, device.layer()));
        }
        Streaming streaming = offload.streaming();
        if (streaming != null && streaming.fromTokens() <= plan.options().chunkTokens()) {
          addPieces(pieces, index, plan.layers().get(index), streaming.windowExperts());
          fromTokens = streaming.fromTokens();
        }
      }
    }
    return new OffloadLayers(List.copyOf(residents), List.copyOf(pieces), fromTokens);
  }

  /// In runs alike long, two of which have room in the window; or in single experts where it has
  /// room for one.
  private static void addPieces(List<Piece> pieces, int index, MoeLayer layer, int windowExperts) {
    int experts = layer.experts().local().size();
    int most = experts <= windowExperts ? Math.ceilDiv(experts, 2) : Math.max(1, windowExperts / 2);
    int count = Math.ceilDiv(experts, most);
    int size = Math.ceilDiv(experts, count);
    for (int first = 0; first < experts; first += size) {
      int half = windowExperts == 1 ? 0 : first / size % 2;
      pieces.add(piece(index, layer, first, Math.min(first + size, experts), most, half));
    }
  }

  private static Piece piece(int index, MoeLayer layer, int first, int end, int most, int half) {
    ExpertMap all = layer.experts().map();
    int[] localOf = new int[layer.globalExperts()];
    Arrays.setAll(
        localOf,
        expert -> {
          int local = all.localOf(expert);
          return local >= first && local < end ? local - first : -1;
        });
    int[] own = new int[most + layer.topK()];
    Arrays.setAll(own, local -> local < end - first ? local : -1);
    List<Mlp> experts = layer.experts().local().subList(first, end);
    return new Piece(
        index,
        new MoeLayer(
            layer.index(),
            layer.topK(),
            null,
            new ExpertWeights(experts, ExpertMap.of(own), layer.experts().activation()),
            null,
            false),
        ExpertMap.of(localOf),
        half);
  }

  boolean isEmpty() {
    return residents.isEmpty() && pieces.isEmpty();
  }

  /// Where a layer's part is in the device session's plan, or -1.
  int resident(int layerIndex) {
    return IntStream.range(0, residents.size())
        .filter(i -> residents.get(i).index() == layerIndex)
        .findFirst()
        .orElse(-1);
  }

  /// Where a layer's pieces are there.
  List<Integer> pieces(int layerIndex) {
    return IntStream.range(0, pieces.size())
        .filter(i -> pieces.get(i).index() == layerIndex)
        .mapToObj(i -> residents.size() + i)
        .toList();
  }

  /// The piece at a place of the device session's plan.
  Piece piece(int place) {
    return pieces.get(place - residents.size());
  }

  /// For each layer of the device session's plan the ids that are none of its experts, k of them. A
  /// piece with fewer experts than its window has only those behind the window: the others' weights
  /// are still there.
  List<int[]> elsewhere() {
    return Stream.concat(
            residents.stream().map(resident -> SumSteps.elsewhere(resident.layer())),
            pieces.stream()
                .map(Piece::layer)
                .map(layer ->
                    IntStream.range(layer.globalExperts() - layer.topK(), layer.globalExperts())
                        .toArray()))
        .toList();
  }

  /// The layers of the device session's plan.
  List<MoeLayer> layers() {
    return Stream.concat(
            residents.stream().map(resident -> SumSteps.onDevice(resident.layer())),
            pieces.stream().map(Piece::layer))
        .toList();
  }

  /// The device session's plan: each row is a token with its experts there, which weight and sum.
  ///
  /// @param plan the host's
  MoePlan plan(MoePlan plan, KernelShape shape) {
    List<MoeLayer> layers = layers();
    HybridExperts experts =
        TornadoBackend.experts(
            residents.isEmpty() ? layers : layers.subList(0, residents.size()), shape);
    ModularMoe there = new ModularMoe(new LocalPrepareAndFinalize(), experts);
    List<ModularMoe> passing =
        IntStream.range(0, 2)
            .mapToObj(half ->
                new ModularMoe(
                    new LocalPrepareAndFinalize(), new StreamedExperts(experts, fromTokens, half)))
            .toList();
    int tokens = plan.options().chunkTokens();
    return Planner.builder()
        .maxTokens(tokens)
        .chunkTokens(Math.min(tokens, MOST_TOKENS))
        .callerRoutes(true)
        .modularMoe(layer -> pieceOf(layer).map(piece -> passing.get(piece.half())).orElse(there))
        .build()
        .plan(layers);
  }

  @SuppressWarnings("ReferenceEquality") // a resident may have the same experts
  private Optional<Piece> pieceOf(MoeLayer layer) {
    return pieces.stream().filter(piece -> piece.layer() == layer).findFirst();
  }
}

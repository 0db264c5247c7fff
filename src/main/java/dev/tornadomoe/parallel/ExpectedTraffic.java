package dev.tornadomoe.parallel;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Travel;
import java.util.Locale;

/// What ranks can expect to send each other in a call of a layer, where every choice of k of its
/// experts is as likely.
final class ExpectedTraffic {
  private final MoeLayer layer;
  private final DispatchFormat format;

  /// Rows that go to other ranks, and pairs that they are of.
  private double rows;

  private double pairs;

  /// @param layer with the sizes of all ranks' parts
  /// @param tokens that each rank has
  ExpectedTraffic(ExpertPlacement placement, MoeLayer layer, DispatchFormat format, int tokens) {
    this.layer = layer;
    this.format = format;
    int alike = placement.hasCopies() ? 1 : tokens; // without copies a token's place is the same
    for (int self = 0; self < placement.ranks(); self++) {
      for (int token = 0; token < tokens; token += alike) {
        add(placement.expertsAsked(self, token), self, alike);
      }
    }
  }

  /// @param asked how many experts a token would go to each rank for
  private void add(int[] asked, int self, int tokens) {
    for (int rank = 0; rank < asked.length; rank++) {
      if (rank != self) {
        rows += tokens * (1 - missed(asked[rank]));
        pairs += tokens * (double) layer.topK() * asked[rank] / layer.globalExperts();
      }
    }
  }

  /// How likely it is that none of so many experts is among the k that a token gets.
  private double missed(int experts) {
    double probability = 1;
    for (int chosen = 0; chosen < layer.topK(); chosen++) {
      int left = layer.globalExperts() - chosen;
      probability *= Math.max(0, left - experts) / (double) left;
    }
    return probability;
  }

  /// @param mode how results come back
  Travel travel(CombineMode mode, boolean used) {
    long rowBytes = layer.experts().hidden() * (long) Float.BYTES;
    long sentBytes =
        format.rowBytes(layer.experts().hidden()) + mode.pairBytes(layer) * (long) layer.topK();
    double returned =
        switch (mode) {
          case PAIR -> pairs;
          case RANK -> rows;
        };
    return new Travel(
        "combine " + mode.name().toLowerCase(Locale.ROOT),
        used,
        Math.round(rows * sentBytes),
        Math.round(returned * rowBytes));
  }
}

package dev.tornadomoe.parallel;

import dev.tornadomoe.layer.ExpertMap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/// Which rank holds which of a layer's experts. Several may hold the same one, a hot one for
/// example: then a rank that holds it keeps its tokens, and the others divide theirs among them.
public final class ExpertPlacement {
  private final int[][] expertsOf;
  private final int[][] holders;

  private ExpertPlacement(int[][] expertsOf, int experts) {
    this.expertsOf = expertsOf;
    this.holders = new int[experts][];
    for (int expert = 0; expert < experts; expert++) {
      int wanted = expert;
      holders[expert] =
          IntStream.range(0, expertsOf.length)
              .filter(rank -> Arrays.stream(expertsOf[rank]).anyMatch(e -> e == wanted))
              .toArray();
    }
  }

  /// Neighbours together, the first ranks with one more where it does not come out even: 5 experts
  /// on 3 ranks are 0 1, 2 3 and 4.
  ///
  /// @param experts those that have weights
  /// @param ranks of the job
  /// @return as many experts to each rank as to any other, or one more
  /// @throws ParallelException for more ranks than experts
  public static ExpertPlacement contiguous(int experts, int ranks) {
    requireEnough(experts, ranks);
    int[][] expertsOf = new int[ranks][];
    int first = 0;
    for (int rank = 0; rank < ranks; rank++) {
      int end = first + experts / ranks + (rank < experts % ranks ? 1 : 0);
      expertsOf[rank] = IntStream.range(first, end).toArray();
      first = end;
    }
    return new ExpertPlacement(expertsOf, experts);
  }

  /// In turns: 5 experts on 3 ranks are 0 3, 1 4 and 2.
  ///
  /// @param experts those that have weights
  /// @param ranks of the job
  /// @return expert e on rank e modulo `ranks`
  /// @throws ParallelException for more ranks than experts
  public static ExpertPlacement roundRobin(int experts, int ranks) {
    requireEnough(experts, ranks);
    int[][] expertsOf = new int[ranks][];
    for (int rank = 0; rank < ranks; rank++) {
      int begin = rank;
      expertsOf[rank] =
          IntStream.range(0, experts).filter(expert -> expert % ranks == begin).toArray();
    }
    return new ExpertPlacement(expertsOf, experts);
  }

  /// As given.
  ///
  /// @param experts those that have weights, 0 to `experts - 1`
  /// @param expertsOfRank for each rank its experts
  /// @return the given placement, checked
  /// @throws ParallelException for an expert that nobody holds or that is not there, for one twice
  ///   on a rank, and for a rank without any
  public static ExpertPlacement of(int experts, List<List<Integer>> expertsOfRank) {
    int[][] expertsOf = new int[expertsOfRank.size()][];
    boolean[] held = new boolean[experts];
    for (int rank = 0; rank < expertsOf.length; rank++) {
      boolean[] here = new boolean[experts];
      for (int expert : expertsOfRank.get(rank)) {
        if (expert < 0 || expert >= experts) {
          throw new ParallelException(
              String.format(
                  Locale.ROOT,
                  "the placement gives rank %d expert %d, expected 0 to %d",
                  rank,
                  expert,
                  experts - 1));
        }
        if (here[expert]) {
          throw new ParallelException(
              String.format(
                  Locale.ROOT, "the placement gives rank %d expert %d twice", rank, expert));
        }
        here[expert] = true;
        held[expert] = true;
      }
      expertsOf[rank] = expertsOfRank.get(rank).stream().mapToInt(e -> e).toArray();
      if (expertsOf[rank].length == 0) {
        throw new ParallelException(
            String.format(
                Locale.ROOT,
                "the placement gives rank %d no expert; every rank needs one at least",
                rank));
      }
    }
    for (int expert = 0; expert < experts; expert++) {
      if (!held[expert]) {
        throw new ParallelException(
            String.format(Locale.ROOT, "the placement gives expert %d to no rank", expert));
      }
    }
    return new ExpertPlacement(expertsOf, experts);
  }

  private static void requireEnough(int experts, int ranks) {
    if (ranks > experts) {
      throw new ParallelException(
          String.format(
              Locale.ROOT,
              "%d experts can't be divided among %d ranks: every rank needs one at least",
              experts,
              ranks));
    }
  }

  /// {@return how many ranks there are}
  public int ranks() {
    return expertsOf.length;
  }

  /// {@return how many experts are placed: those that have weights}
  public int experts() {
    return holders.length;
  }

  /// A rank's experts, by their local indices.
  ///
  /// @param rank from 0
  /// @return global expert ids; an expert's index in the list is its local one
  public List<Integer> expertsOf(int rank) {
    return Arrays.stream(expertsOf[rank]).boxed().toList();
  }

  /// The same as the `expert_map` of a layer.
  ///
  /// @param rank from 0
  /// @param globalExperts E, with those that have no weights
  /// @return which experts the rank has
  public ExpertMap map(int rank, int globalExperts) {
    int[] localOf = new int[globalExperts];
    Arrays.fill(localOf, -1);
    for (int local = 0; local < expertsOf[rank].length; local++) {
      localOf[expertsOf[rank][local]] = local;
    }
    return ExpertMap.of(localOf);
  }

  /// {@return the rank that a token's row for an expert goes to, or -1 for an expert without
  /// weights}
  ///
  /// @param expert by the router's numbers, or -1
  /// @param self the rank that has the token
  /// @param token its place in the call, which spreads a hot expert's tokens over its holders
  public int holder(int expert, int self, int token) {
    if (expert < 0 || expert >= holders.length) {
      return -1;
    }
    int[] choice = holders[expert];
    for (int rank : choice) {
      if (rank == self) {
        return self;
      }
    }
    return choice[(self + token) % choice.length];
  }

  /// {@return whether an expert is with several ranks}
  boolean hasCopies() {
    return Arrays.stream(holders).anyMatch(choice -> choice.length > 1);
  }

  /// How many experts each rank is asked for when a token chooses them.
  ///
  /// @param self the rank that has the token
  /// @param token its place in the call
  int[] expertsAsked(int self, int token) {
    int[] asked = new int[ranks()];
    for (int expert = 0; expert < experts(); expert++) {
      asked[holder(expert, self, token)]++;
    }
    return asked;
  }

  /// As in `0 1 | 2 3 | 4`, by rank.
  @Override
  public String toString() {
    List<String> ofRanks = new ArrayList<>();
    for (int[] experts : expertsOf) {
      ofRanks.add(String.join(" ", Arrays.stream(experts).mapToObj(String::valueOf).toList()));
    }
    return String.join(" | ", ofRanks);
  }
}

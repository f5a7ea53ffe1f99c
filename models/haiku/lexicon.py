"""The lexicon of builtin:haiku: every word it was taught, with its syllables, part of speech and field.

Read by make_corpus.py (which writes the haiku) and by evaluate.py (which counts the syllables). All lists are our own.
Notation in the tables: `river2` = "river", two syllables; `~` = mass noun (no plural); `a/b` = irregular or marked plural.
"""
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    text: str        # as it is printed ("GPU", "river")
    syllables: int
    pos: str         # noun, adj, verb, other
    number: str      # noun: s (singular), m (mass), p (plural); verb: s (it flows), p (they flow); else ""
    field: str       # key of NOUNS, or "" for words of every field


NOUNS = {
    "water": "river2 stream1 ocean2 wave1 lake1 pond1 harbor2 island2 fountain2 ripple2 tide1 current2 shore1 waterfall3 "
             "raindrop2 lagoon2 water2~ foam1~ rain1~ driftwood2~",
    "sky": "cloud1 star1 moon1 comet2 planet2 horizon3 rainbow2 sunrise2/sunrises3 sunset2 sky1/skies1 galaxy3/galaxies3 "
           "constellation4 meteor3 sunlight2~ moonlight2~ starlight2~ twilight2~ daylight2~ satellite3 telescope3",
    "weather": "storm1 breeze1/breezes2 snowflake2 winter2 summer2 autumn2~ season2 frost1~ snow1~ wind1 mist1~ fog1~ "
               "ice1~ dew1~ thunder2~ lightning2~ blizzard2 icicle3",
    "forest": "tree1 forest2 leaf1/leaves1 blossom2 petal2 garden2 willow2 maple2 pine1 meadow2 seed1 root1 branch1/branches2 "
              "orchard2 cherry2/cherries2 bamboo2~ moss1~ grass1~ ivy2~ clover2~ mushroom2 acorn2 cedar2 fern1 lily2/lilies2 "
              "sunflower3/sunflowers3 orchid2",
    "animal": "bird1 crow1 heron2 sparrow2 dragonfly3/dragonflies3 butterfly3/butterflies3 cricket2 spider2 fox1/foxes2 "
              "wolf1/wolves1 rabbit2 turtle2 frog1 whale1 salmon2~ cat1 kitten2 robin2 moth1 bee1 feather2 nightingale3 "
              "hummingbird3 raven2 falcon2 penguin2 dolphin2 beetle2",
    "earth": "mountain2 valley2 stone1 cliff1 canyon2 desert2 cave1 hill1 pebble2 crystal2 glacier2 volcano3/volcanoes3 path1 "
             "trail1 bridge1/bridges2 dust1~ sand1~ clay1~ granite2~ field1 boulder2 summit2 prairie2",
    "home": "window2 lantern2 candle2 teapot2 kettle2 village2/villages3 house1/houses2 door1 mirror2 letter2 blanket2 "
            "table2 coffee2~ tea1~ bread1~ paper2~ ink1~ temple2 city2/cities2 street1 market2 station2 train1 traveler3 "
            "painter2 sailor2 farmer2 teacher2 kitchen2 lamp1 bicycle3 umbrella3",
    "mind": "dream1 memory3/memories3 secret2 shadow2 silence2~ promise2/promises3 moment2 morning2 midnight2~ song1 "
            "echo2/echoes2 melody3/melodies3 question2 answer2 wonder2~ patience2~ wisdom2~ freedom2~ sorrow2~ music2~ "
            "harmony3~ story2/stories2 journey2 breath1 heart1 solitude3~ stillness2~ time1~ peace1~ love1~ joy1~ "
            "laughter2~ thought1 wish1/wishes2 friendship2 courage2~ violin3 piano3",
    "chip": "GPU3 chip1 silicon3~ processor3 transistor3 circuit2 cache1/caches2 register3 wafer2 copper2~ voltage2~ "
            "signal2 fan1 core1 machine2 computer3 server2 laser2 robot2 sensor2 keyboard2 screen1 CPU3 electron3 "
            "bandwidth2~ hardware2~ battery3/batteries3 computing3~ supercomputer5 socket2 heatsink2 datacenter4",
    "code": "kernel2 compiler3 program2 function2 thread1 loop1 pointer2 stack1 code1~ software2~ algorithm4 library3/libraries3 "
            "module2 parser2 bug1 test1 commit2 integer3 syntax2~ debugger3 scheduler3 programming3~ rendering3~ debugging3~ "
            "coding2~ cursor2 template2 recursion3~ version2 assembler3 binary3/binaries3 engineer3 hacker2",
    "data": "tensor2 matrix2/matrices3 vector2 gradient3 model2 token2 weight1 layer2 neuron2 data2~ attention3~ inference3~ "
            "training2~ learning2~ number2 pattern2 byte1 bit1 database3/databases4 index2/indices3 pixel2 prompt1 parameter4 "
            "entropy3~ logic2~ language2/languages3 sequence2/sequences3 intelligence4~ embedding3 transformer3",
    "net": "packet2 router2 message2/messages3 internet3~ website2 protocol3 password2 cluster2 beacon2 latency3~ link1 node1 "
           "queue1 request2 network2 antenna3 channel2 fiber2 gateway2 stranger2",
}

# Fields whose images go well together: the first is the noun's own, the others lend nouns to its lines.
SISTERS = {
    "water": ("water", "sky", "weather", "earth"), "sky": ("sky", "weather", "earth", "mind"),
    "weather": ("weather", "forest", "sky", "earth"), "forest": ("forest", "weather", "animal", "earth"),
    "animal": ("animal", "forest", "water", "sky"), "earth": ("earth", "sky", "weather", "animal"),
    "home": ("home", "mind", "weather", "sky"), "mind": ("mind", "sky", "water", "home"),
    "chip": ("chip", "data", "code", "sky"), "code": ("code", "chip", "data", "mind"),
    "data": ("data", "chip", "net", "sky"), "net": ("net", "chip", "code", "sky"),
}

# Adjectives: of every field first ("any"), then those that suit some fields only.
ADJECTIVES = {
    "any": "silent2 quiet2 gentle2 ancient2 golden2 silver2 hidden2 distant2 sleeping2 wandering3 endless2 lonely2 patient2 "
           "humble2 tender2 fragile2 sacred2 simple2 tiny2 little2 mighty2 old1 young1 deep1 dark1 bright1 soft1 cold1 warm1 "
           "cool1 pale1 blue1 green1 white1 black1 red1 gray1 calm1 clear1 faint1 vast1 small1 slow1 swift1 new1 lost1 bare1 thin1 "
           "dim1 still1 delicate3 luminous3 infinite3 forgotten3 mysterious4 beautiful3 magical3 radiant3 peaceful2 restless2 "
           "weary2 glowing2 shining2 dreaming2 waiting2 humming2 dancing2 whispering3 lunar2 solar2 cosmic2 shimmering3 "
           "burning2 broken2 perfect2 curious3",
    "nature": "crimson2 emerald3 frozen2 falling2 drifting2 floating2 rising2 wild1 sweet1 wooden2 misty2 snowy2 rainy2 windy2 "
              "sunny2 dusty2 mossy2 hollow2 northern2 eastern2 western2 southern2 singing2 autumnal3 tall1",
    "tech": "electric3 digital3 parallel3 neural2 quantum2 virtual3 open2 random2 sparse1 dense1 blinking2 atomic3 linear3 "
            "recursive3 crystalline3 nimble2 sharp1 fast1 logical3 ethereal4",
}
TECH_FIELDS = ("chip", "code", "data", "net")

# Intransitive verbs, "drift1" = drift and drifts; "rise1/rises2" where the ending adds a syllable.
VERBS = {
    "water": "drift1 fall1 rise1/rises2 flow1 sing1 sleep1 turn1 gleam1 glow1 run1 shimmer2 glisten2 murmur2 whisper2 wander2 "
             "glimmer2 return2 tremble2",
    "sky": "drift1 fall1 rise1/rises2 shine1 glow1 fade1 burn1 wait1 gleam1 turn1 shimmer2 glimmer2 flicker2 wander2 linger2 "
           "glisten2 return2 awaken3",
    "weather": "drift1 fall1 fade1 sing1 turn1 wait1 sleep1 call1 whisper2 gather2 scatter2 linger2 settle2 return2 wander2 "
               "murmur2 glisten2",
    "forest": "bend1 grow1 bloom1 wake1 fall1 sleep1 sway1 rest1 dream1 whisper2 tremble2 scatter2 listen2 glisten2 "
              "murmur2 linger2 awaken3 remember3",
    "animal": "sing1 wait1 sleep1 rest1 wake1 fly1/flies1 call1 dance1/dances2 drift1 hide1 listen2 wander2 linger2 tremble2 "
              "murmur2 gather2 return2",
    "earth": "rest1 sleep1 wait1 rise1/rises2 gleam1 dream1 turn1 glow1 crumble2 listen2 glimmer2 linger2 murmur2 "
             "whisper2 remember3 awaken3",
    "home": "wait1 glow1 sleep1 wake1 dream1 hum1 sing1 rest1 gleam1 listen2 whisper2 flicker2 linger2 murmur2 return2 "
            "remember3 awaken3",
    "mind": "fade1 rise1/rises2 drift1 sing1 grow1 bloom1 sleep1 wake1 call1 glow1 whisper2 linger2 wander2 flicker2 shimmer2 "
            "echo2/echoes2 return2 awaken3",
    "chip": "hum1 glow1 wake1 spin1 dream1 sing1 blink1 burn1 wait1 gleam1 shimmer2 flicker2 whisper2 compute2 murmur2 "
            "awaken3 remember3 multiply3/multiplies3",
    "code": "run1 wake1 wait1 sleep1 spin1 grow1 turn1 sing1 hum1 dream1 unfold2 listen2 return2 whisper2 wander2 "
            "awaken3 remember3 multiply3/multiplies3",
    "data": "flow1 glow1 learn1 grow1 drift1 bloom1 rise1/rises2 dream1 sing1 shift1 converge2/converges3 shimmer2 gather2 unfold2 "
            "whisper2 flicker2 remember3 multiply3/multiplies3",
    "net": "flow1 hum1 wait1 call1 blink1 wake1 run1 sing1 drift1 glow1 listen2 whisper2 wander2 gather2 flicker2 "
           "return2 remember3",
}

PREPOSITIONS = {
    "any": "in1 through1 beyond2 under2 within2 beneath2 above2 across2 beside2 around2",
    "mass": "in1 through1 beyond2 under2 within2",   # before a mass noun without article: "in moonlight"
}
ADVERBS = "slowly2 softly2 gently2 quietly3 here1 now1 again2 once1 tonight2 alone2 forever3 silently3 somewhere2 always2 still1"
DETERMINERS = "the1 a1 an1 one1 this1 each1 no1 all1 these1 my1"
OTHERS = "and1 where1 while1 like1 as1 then1 on1 of1 from1 to1 at1 by1 into2 between2 until2 after2 before2 with1 without2 so1 " \
         "ten1 thousand2 seven2 hundred2 two1 more1 last1 first1 is1 are1 it1 they1 we1 you1 I1 not1 only2"


def _parse(token):
    """'sky1/skies1~' -> (word, syllables, plural word or None, plural syllables, is_mass)."""
    mass = token.endswith("~")
    parts = [re.fullmatch(r"([A-Za-z]+)(\d)", p).groups() for p in token.rstrip("~").split("/")]
    word, syl = parts[0][0], int(parts[0][1])
    if mass:
        return word, syl, None, 0, True
    plural = parts[1] if len(parts) > 1 else (word + "s", syl)
    return word, syl, plural[0], int(plural[1]), False


def _build():
    nouns, adjectives, verbs = [], [], []
    for field, table in NOUNS.items():
        for token in table.split():
            word, syl, plural, plural_syl, mass = _parse(token)
            nouns.append(Word(word, syl, "noun", "m" if mass else "s", field))
            if plural:
                nouns.append(Word(plural, plural_syl, "noun", "p", field))
    for kind, table in ADJECTIVES.items():
        adjectives += [Word(*_parse(t)[:2], "adj", "", kind) for t in table.split()]
    for field, table in VERBS.items():
        for token in table.split():
            base, base_syl, third, third_syl, _ = _parse(token)
            third = {"multiplys": "multiplies"}.get(third, third)
            verbs.append(Word(base, base_syl, "verb", "p", field))
            verbs.append(Word(third, third_syl, "verb", "s", field))
    words = {"other": {}}
    for table in (*PREPOSITIONS.values(), ADVERBS, DETERMINERS, OTHERS):
        for token in table.split():
            word, syl, *_ = _parse(token)
            words["other"][word] = syl
    return nouns, adjectives, verbs, words["other"]


ALL_NOUNS, ALL_ADJECTIVES, ALL_VERBS, OTHER_WORDS = _build()
NOUN = {w.text.lower(): w for w in ALL_NOUNS}
ADJ = {w.text: w for w in ALL_ADJECTIVES}


def adjective_kinds(field):
    return ("any", "tech") if field in TECH_FIELDS else ("any", "nature")


def syllable_table():
    """Lower-case word -> syllables, over the whole lexicon; a word in two tables must have one count."""
    table = {}
    for w in (*ALL_NOUNS, *ALL_ADJECTIVES, *ALL_VERBS):
        if table.setdefault(w.text.lower(), w.syllables) != w.syllables:
            raise ValueError(f"two syllable counts for {w.text}")
    for word, syl in OTHER_WORDS.items():
        if table.setdefault(word.lower(), syl) != syl:
            raise ValueError(f"two syllable counts for {word}")
    return table


if __name__ == "__main__":
    print(len(syllable_table()), "words;", len(ALL_NOUNS), "noun forms;", len(ALL_ADJECTIVES), "adjectives")

"""What the simulated reviewers say: invented sentences by app, mood, theme and language."""

from __future__ import annotations

from typing import Final

Sentences = dict[str, tuple[str, ...]]
"""language -> sentences"""

TITLES: Final[dict[str, Sentences]] = {
    "happy": {
        "en": ("Wow", "So much fun", "Obsessed", "Best thing this year", "Love it!", "Five stars"),
        "es": ("Una maravilla", "Me encanta", "Increíble", "Muy divertida", "¡Qué gozada!"),
        "ja": ("最高です", "楽しすぎる！", "神アプリ", "毎日使っています", "感動しました"),
        "zh": ("太好玩了", "惊艳", "爱了爱了", "五星好评", "停不下来！"),
    },
    "unhappy": {
        "en": (
            "Disappointed",
            "The fun is over",
            "Not for me",
            "Meh.",
            "Deleted",
            "Had high hopes",
        ),
        "es": ("Decepción", "Ya no es lo que era", "No la recomiendo", "Una pena", "Regular"),
        "ja": ("残念", "期待はずれ", "うーん…", "最初だけ", "アンインストールしました"),
        "zh": ("失望", "三分钟热度", "卸载了", "一言难尽…", "不如预期"),
    },
    "mixed": {
        "en": ("Good, with one wish", "Almost perfect", "Still my favourite"),
        "es": ("Buena, con un pero", "Casi perfecta"),
        "ja": ("ほぼ満足", "一つだけお願い"),
        "zh": ("基本满意", "有一点小建议"),
    },
}

TAILS: Final[dict[str, Sentences]] = {
    "happy": {
        "en": (
            "",
            "Keep going, team!",
            "My whole family is hooked.",
            "I open it every evening after dinner.",
            "Did not expect to like it this much.",
        ),
        "es": (
            "",
            "Felicidades al equipo.",
            "En casa estamos todos enganchados.",
            "La abro todas las noches.",
            "No esperaba que me gustara tanto.",
        ),
        "ja": (
            "",
            "これからも応援しています。",
            "家族みんなで夢中です。",
            "寝る前の楽しみになりました。",
            "ここまで良いとは思いませんでした。",
        ),
        "zh": (
            "",
            "加油，期待更新。",
            "全家人都在玩。",
            "每天晚上都要玩一会儿。",
            "没想到这么好用。",
        ),
    },
    "unhappy": {
        "en": (
            "",
            "I gave it two weeks and then uninstalled.",
            "Please fix this.",
            "Haven't opened it since.",
            "It was exciting for a weekend, that's all.",
        ),
        "es": (
            "",
            "Le di dos semanas y la desinstalé.",
            "Por favor, arréglenlo.",
            "Desde entonces no la he vuelto a usar.",
            "Fue emocionante un fin de semana, nada más.",
        ),
        "ja": (
            "",
            "二週間使って消しました。",
            "改善をお願いします。",
            "それ以来使っていません。",
            "盛り上がったのは最初の週末だけでした。",
        ),
        "zh": (
            "",
            "用了两个星期就删了。",
            "希望尽快改进。",
            "之后再也没用过。",
            "新鲜感只撑了一个周末。",
        ),
    },
    "mixed": {
        "en": ("", "I am staying.", "Otherwise nothing to complain about."),
        "es": ("", "Me quedo.", "Por lo demás, ninguna queja."),
        "ja": ("", "これからも使います。", "それ以外は不満ありません。"),
        "zh": ("", "会继续用。", "其他都挺好。"),
    },
}

CONTACTS: Final[Sentences] = {
    "en": (
        "Support, please write to pia.lund@example.com.",
        "My clips are at https://example.com/clips/4711 if you are curious.",
        "Call me back on +1 (555) 010-4477.",
        "Follow me, I am @nimbo_reels there.",
    ),
    "es": ("Escríbanme a soporte.mio@example.com.", "Me encuentran como @luz_y_clips."),
    "ja": ("連絡は yuki.demo@example.com までお願いします。", "アカウントは @hoshi_clips です。"),
    "zh": ("请联系 13800138000，谢谢。", "加我微信号：clip_demo_88"),
}
"""What reviewers should not have written in public; a published quote leaves it out."""

_VIDRA_HAPPY: Final[dict[str, Sentences]] = {
    "": {
        "en": (
            "I typed one line and got a tiny movie with sound. Nothing I have tried comes close.",
            "Got my invite yesterday and have been making dragons surf ever since.",
            "The physics are unreal. My coffee cup turned into a waterfall and it just worked.",
            "It feels like the future landed on my phone overnight.",
        ),
        "es": (
            "Escribí una frase y me salió una película con sonido. No he visto nada parecido.",
            "Me llegó la invitación ayer y no he parado de hacer dragones que surfean.",
            "Parece que el futuro llegó a mi teléfono de un día para otro.",
        ),
        "ja": (
            "一行書いただけで、音つきの短い映画ができました。今まで試したどれよりもすごいです。",
            "招待が届いてから、ずっとサーフィンする竜を作っています。",
            "物の動きが本物みたいで、コーヒーが滝になった時は声が出ました。",
        ),
        "zh": (
            "只写了一句话，就生成了一段有声音的小电影，从来没见过这么强的。",
            "昨天拿到邀请码，到现在一直在做会冲浪的龙。",
            "画面的物理效果太真实了，咖啡杯变成瀑布那一刻我都叫出来了。",
        ),
    },
    "sharing": {
        "en": (
            "I shared three clips with my group chat and now everybody begs for an invite.",
            "Sharing is one tap and my brother thought the astronaut was real.",
        ),
        "es": (
            "Compartí tres clips en el grupo y ahora todos me piden una invitación.",
            "Se comparte con un toque y mi hermano creyó que el astronauta era real.",
        ),
        "ja": (
            "友達に三本シェアしたら、みんな招待をほしがっています。",
            "ワンタップで共有できて、弟は宇宙飛行士を本物だと思っていました。",
        ),
        "zh": (
            "分享了三段到群里，现在大家都来问我要邀请码。",
            "一键分享，我弟还以为宇航员是真的。",
        ),
    },
    "identity_and_avatars": {
        "en": (
            "The avatar it made from ten seconds of video is scarily good, even the laugh is mine.",
            "Put my own face into a space opera and my mother cried laughing.",
        ),
        "es": (
            "El avatar que hizo con diez segundos de video es idéntico, hasta la risa es mía.",
            "Puse mi propia cara en una ópera espacial y mi madre lloró de risa.",
        ),
        "ja": (
            "十秒の動画から作ったアバターが怖いくらい似ていて、笑い方まで同じです。",
            "自分の顔でスペースオペラを作ったら、母が泣いて笑いました。",
        ),
        "zh": (
            "用十秒视频做的虚拟形象像得吓人，连笑声都一样。",
            "把我的脸放进太空歌剧里，我妈笑到流泪。",
        ),
    },
    "previews": {
        "en": ("Even the quick previews already look like film.",),
        "es": ("Hasta la vista previa rápida ya parece cine.",),
        "ja": ("プレビューの段階でもう映画のようです。",),
        "zh": ("连快速预览都已经像电影了。",),
    },
}

_VIDRA_UNHAPPY: Final[dict[str, Sentences]] = {
    "": {
        "en": (
            "After the third evening I had run out of ideas, and nobody I know is on it any more.",
            "A magic trick is great once. I have no reason to come back.",
            "Everyone I followed has stopped making things.",
        ),
        "es": (
            "A la tercera noche ya no tenía ideas y ninguno de mis amigos sigue aquí.",
            "Un truco de magia es genial una vez. No tengo motivos para volver.",
        ),
        "ja": (
            "三日目にはネタが尽きて、周りで使っている人ももういません。",
            "手品は一度見れば十分で、また開く理由がありません。",
            "フォローしていた人がみんな作るのをやめてしまいました。",
        ),
        "zh": (
            "第三天就没灵感了，身边也没人再用。",
            "魔术看一次就够了，没有理由再打开。",
        ),
    },
    "watermark": {
        "en": (
            "The watermark bounces across every clip and ruins it, I can't use this for work.",
            "A moving watermark over people's faces, on every single clip. Who thought of that?",
            "Spent an hour on a birthday clip and the huge logo covers the cake.",
        ),
        "es": (
            "La marca de agua salta por todo el clip y lo arruina, no me sirve para el trabajo.",
            "Una hora con el clip de cumpleaños y la marca de agua tapa el pastel.",
        ),
        "ja": (
            "透かしが画面中を動き回って台無しです。仕事ではとても使えません。",
            "誕生日のために一時間かけたのに、透かしがケーキに重なっています。",
            "動くウォーターマークが毎回人物に重なるのは、誰が考えたのでしょうか。",
        ),
        "zh": (
            "水印在画面里跳来跳去，全毁了，工作上根本没法用。",
            "花一个小时做的生日片段，水印正好盖住蛋糕。",
        ),
    },
    "repetitive_recommendations": {
        "en": (
            "The feed shows me the same five memes over and over. I have seen that cat fly enough.",
            "Repetitive. Every recommended clip is a copy of yesterday's joke, copies of copies.",
            "I liked one clip about trains and since then there is nothing new, only trains.",
        ),
        "es": (
            "El inicio me enseña siempre lo mismo, ya vi volar a ese gato cien veces.",
            "Muy repetitivo: cada clip es una copia del chiste de ayer, y nada nuevo.",
        ),
        "ja": (
            "おすすめが同じネタのコピーばかりで、空飛ぶ猫はもう見飽きました。",
            "似たような動画が延々と流れてきて、新しい発見がありません。",
            "電車を一度高評価しただけなのに、おすすめが電車だけになりました。",
        ),
        "zh": (
            "首页翻来覆去就那几个梗，会飞的猫已经看腻了。",
            "推荐的都是昨天笑话的翻版，千篇一律。",
        ),
    },
    "identity_and_avatars": {
        "en": (
            "Strangers can put my likeness into their jokes and switching that off is a maze.",
            "My avatar has a different nose in every scene. It looks nothing like me by the end.",
            "Found a deepfake of my sister in the feed. She never signed up.",
        ),
        "es": (
            "Mi avatar cambia de nariz en cada escena y al final no se parece en nada.",
            "Unos desconocidos usaron mi cara en sus bromas y quitarlo es un laberinto.",
        ),
        "ja": (
            "アバターが場面ごとに別人になり、最後はまったく似ていません。",
            "知らない人の冗談に自分の顔が出てきて、止め方も分かりません。",
        ),
        "zh": (
            "虚拟形象每个镜头都换一个鼻子，到最后完全不像我。",
            "陌生人把我的脸放进他们的段子里，想关掉要找半天。",
        ),
    },
    "sharing": {
        "en": (
            "Sharing sends people to a sign-up page instead of the clip, so my friends gave up.",
            "You can't export without three screens, and what is shared looks blurry elsewhere.",
        ),
        "es": (
            "Al compartir, mis amigos ven una página de registro y no el clip, así que lo dejaron.",
            "Para exportar hay que pasar tres pantallas, y en otra app se ve borroso.",
        ),
        "ja": (
            "シェアしても動画ではなく登録画面が出るので、友達はもう見てくれません。",
            "カメラロールに入れるまで三画面もかかり、他で見ると画質がぼやけます。",
        ),
        "zh": (
            "分享出去别人看到的是注册页，不是片段，朋友们都懒得点了。",
            "导出要过三个页面，放到别处还糊。",
        ),
    },
    "previews": {
        "en": (
            "There is no preview, so I wait four minutes to learn that the dog has five legs.",
            "Let me see it first in low quality before it renders for minutes.",
        ),
        "es": (
            "No hay vista previa: espero cuatro minutos para ver que el perro tiene cinco patas.",
        ),
        "ja": ("プレビューがないので、四分待って犬の足が五本だと分かります。",),
        "zh": ("没有预览，等四分钟才发现狗有五条腿。",),
    },
    "privacy": {
        "en": (
            "It wants access to all my photos and I can't find out what happens to my data.",
            "To delete my account I had to write three letters. Privacy is an afterthought.",
        ),
        "es": ("Pide acceso a todas mis fotos y no explica qué hace con mis datos.",),
        "ja": ("写真へのアクセスを全部求められ、個人情報がどう扱われるのか書いてありません。",),
        "zh": ("要读取整个相册的权限，隐私条款又写得不清不楚。",),
    },
    "price": {
        "en": ("The credits are gone after two tries and the next pack is too expensive.",),
        "es": ("Los créditos se acaban en dos intentos y el siguiente paquete es carísimo.",),
        "ja": ("二回試すと上限で、その先は課金しろと言われます。",),
        "zh": ("试两次就用完额度，再买一包太贵了。",),
    },
}

_LOOPZ_HAPPY: Final[dict[str, Sentences]] = {
    "": {
        "en": (
            "Ten minutes on the train turn into my favourite part of the day.",
            "It learned within a week that I like bread, bikes and very old synthesizers.",
            "Still finds me creators I would never have looked for, two years in.",
            "Comments are kind and the people I follow post every day.",
        ),
        "es": (
            "Los diez minutos del metro son ahora mi parte favorita del día.",
            "En una semana entendió que me gustan el pan, las bicis y los sintetizadores viejos.",
            "La gente que sigo publica a diario y los comentarios son amables.",
        ),
        "ja": (
            "電車の十分間が、一日でいちばん好きな時間になりました。",
            "一週間でパンと自転車と古いシンセが好きだと分かってくれました。",
            "二年使っていますが、今でも知らない作り手に出会えます。",
        ),
        "zh": (
            "地铁上的十分钟成了我一天最喜欢的时间。",
            "一个星期就摸清了我喜欢面包、单车和老合成器。",
            "用了两年，还是能遇到没听过的创作者。",
        ),
    },
    "sharing": {
        "en": (
            "My sister and I share clips all day, it opens right in the chat.",
            "Sharing a clip takes a second and it plays without an account.",
        ),
        "es": ("Mi hermana y yo nos compartimos clips todo el día, se abren en el chat.",),
        "ja": ("妹と一日中シェアし合っています。トークの中でそのまま再生できるのが良いです。",),
        "zh": ("和妹妹整天互相分享，聊天里直接就能看。",),
    },
    "identity_and_avatars": {
        "en": ("The new avatars are cute and my nieces spend hours dressing theirs.",),
        "es": ("Los avatares nuevos son monísimos y mis sobrinas pasan horas vistiéndolos.",),
        "ja": ("新しいアバターがかわいくて、姪が何時間も着せ替えています。",),
        "zh": ("新出的虚拟形象很可爱，侄女能打扮好几个小时。",),
    },
}

_LOOPZ_MIXED: Final[dict[str, Sentences]] = {
    "repetitive_recommendations": {
        "en": ("Good app, but after a holiday the feed was the same stuff for a few days.",),
        "es": ("Buena app, aunque unos días me salió el mismo contenido.",),
        "ja": ("良いアプリですが、連休のあと数日は似たような投稿が続きました。",),
        "zh": ("总体不错，就是放假之后有几天内容重复。",),
    },
    "crashes": {
        "en": ("The November update crashed twice on my old phone, the next one was fine.",),
        "es": ("La actualización de noviembre se cerró dos veces en mi móvil viejo.",),
        "ja": ("十一月の更新では古い端末で二回落ちましたが、次の更新で直りました。",),
        "zh": ("十一月那次更新在旧手机上闪退过两次，后来好了。",),
    },
    "price": {
        "en": ("Fine without paying, but the subscription for creators could be cheaper.",),
        "es": ("Se puede usar bien así, pero la suscripción para creadores podría bajar.",),
        "ja": ("普通に使えますが、作り手向けの月額はもう少し下げてほしいです。",),
        "zh": ("日常够用，创作者的会员要是再优惠一点就好了。",),
    },
}

_SNAPLY_HAPPY: Final[dict[str, Sentences]] = {
    "": {
        "en": (
            "The film filters are lovely, my holiday pictures look like my grandfather took them.",
            "Simple, quick, and the sky tool does what it says.",
        ),
        "es": (
            "Los filtros de película son preciosos, mis fotos parecen de mi abuelo.",
            "Sencilla y rápida, la herramienta del cielo hace lo que dice.",
        ),
        "ja": ("フィルム風のフィルターがきれいで、旅行の写真が祖父の撮ったもののようです。",),
        "zh": ("胶片滤镜很美，旅行照像爷爷那个年代拍的。",),
    },
}

_SNAPLY_UNHAPPY: Final[dict[str, Sentences]] = {
    "": {
        "en": ("Came for one filter from the ad, used it, and there is nothing else to do here.",),
        "es": ("Vine por el filtro del anuncio, lo usé y aquí no hay más que hacer.",),
        "ja": ("広告のフィルターを一度使ったら、もうすることがありません。",),
        "zh": ("冲着广告里的滤镜来的，用完就没别的可玩了。",),
    },
    "price": {
        "en": (
            "Every filter from the ad is behind a paywall, and it is expensive for what it does.",
            "The free trial turned into a yearly subscription and I want a refund.",
            "It was nice until they doubled the price. Nine dollars per month for a sky?",
            "I was charged after I cancelled, and support only sends canned answers.",
        ),
        "es": (
            "Todos los filtros del anuncio son de pago y es carísimo para lo que hace.",
            "La prueba gratis se convirtió en una suscripción anual y quiero un reembolso.",
            "Me cobraron después de cancelar y soporte solo manda respuestas hechas.",
            "Estaba bien hasta que duplicaron el precio. ¿Tanto al mes por un cielo?",
        ),
        "ja": (
            "広告のフィルターは全部有料で、この内容にしては割高です。",
            "お試しのつもりが年額の契約になっていて、返金してほしいです。",
        ),
        "zh": (
            "广告里的滤镜全要付费，就这点功能太贵了。",
            "试用到期自动变成年费会员，我要退款。",
        ),
    },
    "crashes": {
        "en": (
            "It crashes every time I open a picture from last year.",
            "Freezes while saving and the edit is gone. Third time this week.",
            "Since the update there is only a black screen, I reinstalled twice.",
        ),
        "es": (
            "Se cierra cada vez que abro una foto del año pasado.",
            "Se congela al guardar y pierdo la edición. Tercera vez esta semana.",
            "Desde la actualización solo sale una pantalla negra, la reinstalé dos veces.",
        ),
        "ja": (
            "去年の写真を開くたびに落ちます。",
            "保存の途中でフリーズして、編集が消えました。今週三回目です。",
        ),
        "zh": (
            "每次打开去年的照片就闪退。",
            "保存的时候卡死，编辑全没了，这周第三次。",
        ),
    },
    "previews": {
        "en": (
            "The preview looks sharp and the saved picture is soft. What is it for then?",
            "Thumbnails load so slowly that I tap the wrong picture all the time.",
        ),
        "es": ("En la vista previa se ve nítida y la foto guardada sale blanda.",),
        "ja": ("プレビューではくっきりなのに、保存した写真はぼけています。",),
        "zh": ("预览很清楚，存下来就糊了。",),
    },
    "watermark": {
        "en": ("They put a watermark on a picture that I took myself.",),
        "es": ("Le ponen una marca de agua a una foto que hice yo.",),
        "ja": ("自分で撮った写真に透かしを入れられました。",),
        "zh": ("我自己拍的照片居然给我打上水印。",),
    },
    "privacy": {
        "en": ("Why does a photo filter need my contacts and my location?",),
        "es": ("¿Para qué quiere un filtro de fotos mis contactos y mi ubicación?",),
        "ja": ("写真のフィルターに、なぜ連絡先と位置情報が必要なのでしょうか。",),
        "zh": ("一个滤镜软件为什么要看我的通讯录，这是什么权限？",),
    },
}

SENTENCES: Final[dict[str, dict[str, dict[str, Sentences]]]] = {
    "spike": {"happy": _VIDRA_HAPPY, "unhappy": _VIDRA_UNHAPPY},
    "habit": {"happy": _LOOPZ_HAPPY, "mixed": _LOOPZ_MIXED},
    "leaky": {"happy": _SNAPLY_HAPPY, "unhappy": _SNAPLY_UNHAPPY},
}
"""app_id -> mood -> theme, or '' for none -> sentences; each speaks of that theme and no other."""
